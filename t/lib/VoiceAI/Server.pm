package VoiceAI::Server;

# A server of a test's own, for what the blocks of Test::Nginx cannot show:
# sockets that live for a while, signals, several workers.
#
#     my $server = VoiceAI::Server->new(
#         workers => 2, main => '...', http => '...');
#     ... $server->port ...
#     $server->stop;
#
# With daemon => 1 it goes to the background, as it does for operators.
#
# In the texts of the configuration %%PORT%% is the port, %%TLS%% one for TLS,
# and %%DIR%% a folder of the server's own.  The status of nginx is asked for
# on a third port.

use strict;
use warnings;

use HTTP::Tiny;
use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(sleep time);
use VoiceAI;

my %adopted;
my $owner = $$;

END {
    kill 'QUIT', keys %adopted if $$ == $owner;
}

# Starts a server and waits until it serves.
sub new
{
    my ($class, %options) = @_;
    my $self = bless {
        dir => scratch(), port => free_port(), tls => free_port(),
        status => free_port(), workers => $options{workers} // 2,
    }, $class;

    chmod 0755, $self->{dir};
    $self->configure(%options);
    $self->{pid} = start_process({ log => "$self->{dir}/nginx.log" },
        $ENV{TEST_NGINX_BINARY}, '-p', $self->{dir}, '-c',
        "$self->{dir}/nginx.conf", '-e', "$self->{dir}/error.log");
    $self->adopt if $options{daemon};

    wait_for(20, sub { connect_to($self->{port}) || !$self->running })
        && $self->running or die "the server did not start:\n", $self->log,
            VoiceAI::slurp("$self->{dir}/nginx.log");
    return $self;
}

# Writes the configuration, at the start or before a reload.
sub configure
{
    my ($self, %options) = @_;
    my $modules = $ENV{TEST_NGINX_LOAD_MODULES} // '';
    my $load = join '', map { "load_module $_;\n" } split ' ', $modules;
    my $user = $> == 0 ? 'user root;' : '';
    my $dir = $self->{dir};
    my $main = $options{main} // '';
    my $daemon = $options{daemon} ? 'on' : 'off';
    my $temporary = join '', map { "    ${_}_temp_path $dir/$_;\n" }
        qw(client_body proxy fastcgi uwsgi scgi);

    my $conf = <<"END";
$load$user
daemon $daemon;
worker_processes $self->{workers};
pid $dir/nginx.pid;
error_log $dir/error.log info;
$main
events {
    worker_connections 1024;
}
http {
$temporary
    log_format call '[\$voiceai_call_sid] [\$voiceai_stream_sid] '
        '[\$voiceai_direction] turns=\$voiceai_turns '
        'interruptions=\$voiceai_interruptions failures=\$voiceai_failures '
        'duration=\$voiceai_duration latency=\$voiceai_latency '
        'response=\$voiceai_response_time,\$voiceai_response_time_max '
        'stages=\$voiceai_silence_time,\$voiceai_stt_time,\$voiceai_llm_time,'
        '\$voiceai_tts_time '
        'in=\$voiceai_bytes_received out=\$voiceai_bytes_sent '
        '[\$voiceai_reason] [\$status] [\$uri]';
    access_log $dir/access.log call;
    server {
        listen 127.0.0.1:$self->{status};
        access_log off;
        location = /status { stub_status; }
    }
$options{http}
}
END
    $conf =~ s/%%PORT%%/$self->{port}/g;
    $conf =~ s/%%TLS%%/$self->{tls}/g;
    $conf =~ s/%%DIR%%/$dir/g;

    open my $out, '>', "$dir/nginx.conf" or die "$dir/nginx.conf: $!\n";
    print $out $conf;
    close $out;
}

sub connect_to
{
    my ($port) = @_;
    return IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port);
}

sub dir { return $_[0]{dir} }
sub port { return $_[0]{port} }
sub tls { return $_[0]{tls} }

# Returns what the error log has to tell.
sub log
{
    my ($self) = @_;
    return VoiceAI::slurp("$self->{dir}/error.log");
}

# Returns the last line of the access log that tells of this call.
sub access
{
    my ($self, $call) = @_;
    my ($line) = grep { /^\[\Q$call\E\]/ && m{/media\]} }
        reverse split /\n/, VoiceAI::slurp("$self->{dir}/access.log");
    return $line // '';
}

# Waits until the error log has a line like this.
sub wait_log
{
    my ($self, $pattern, $seconds) = @_;
    return wait_for($seconds // 10, sub { $self->log =~ /$pattern/ });
}

# Requests a page and returns status and body.  The headers may have a Host.
sub get
{
    my ($self, $path, %headers) = @_;
    my $socket = connect_to($self->{port}) or return (0, "connect: $!");
    my %all = (Host => 'voice.example.com', Connection => 'close', %headers);

    print $socket "GET $path HTTP/1.1\r\n",
        (map { "$_: $all{$_}\r\n" } sort keys %all), "\r\n";
    my $answer = do { local $/; <$socket> } // '';
    my ($head, $body) = split /\r\n\r\n/, $answer, 2;
    return (($head // '') =~ m{^HTTP/1\.1 (\d+)} ? $1 : 0, $body // '');
}

# Announces a call by the webhook and returns the token of its stream.
sub announce
{
    my ($self, $call, %headers) = @_;
    my ($status, $body) = $self->get("/voice/incoming?CallSid=$call"
        . '&AccountSid=AC1&Direction=inbound', %headers);
    my ($token) = $body =~ /name="token" value="(\w+)"/
        or die "no token: $status $body\n";
    return $token;
}

# Returns the streams that are open, as the health page tells.
sub sessions
{
    my ($self) = @_;
    my (undef, $body) = $self->get('/');
    return $body =~ /"active_sessions":(\d+)/ ? $1 : -1;
}

# Returns the connections that nginx counts, but for the one that asks.
sub connections
{
    my ($self) = @_;
    my $answer = HTTP::Tiny->new(timeout => 20)
        ->get("http://127.0.0.1:$self->{status}/status");
    my ($n) = $answer->{content} =~ /Active connections: (\d+)/;
    return $n - 1;
}

# Returns the processes that serve, those of older configurations too.
sub workers
{
    my ($self) = @_;
    my @children = split ' ',
        VoiceAI::slurp("/proc/$self->{pid}/task/$self->{pid}/children");
    return grep { VoiceAI::slurp("/proc/$_/cmdline") =~ /nginx: worker/ }
        @children;
}

# Returns the memory of the workers in KiB.
sub memory
{
    my ($self) = @_;
    my $sum = 0;
    for my $pid ($self->workers) {
        my ($kib) = VoiceAI::slurp("/proc/$pid/status") =~ /^VmRSS:\s+(\d+)/m;
        $sum += $kib // 0;
    }
    return $sum;
}

# Sends a signal to the master.
sub signal
{
    my ($self, $signal) = @_;
    kill $signal, $self->{pid};
}

# Takes the master of the pid file for the server's: it is no child of ours.
sub adopt
{
    my ($self, $other) = @_;
    my $pid;

    wait_for(20, sub {
        ($pid) = VoiceAI::slurp("$self->{dir}/nginx.pid") =~ /^(\d+)$/m;
        return $pid && $pid != ($other // 0);
    }) or die "no master came up:\n", substr $self->log, -4096;
    $adopted{$pid} = 1;
    $self->{pid} = $pid;
}

# Has a new binary take over and the old master quit; returns the old one's
# process.  The calls that it holds keep it.  Only a daemon does that.
sub upgrade
{
    my ($self) = @_;
    my $old = $self->{pid};

    kill 'USR2', $old;
    $self->adopt($old);
    wait_for(20, sub { $self->{workers} == $self->workers })
        or die "its workers did not:\n", substr $self->log, -4096;
    kill 'QUIT', $old;
    return $old;
}

# Whether the server runs.
sub running
{
    my ($self) = @_;
    return VoiceAI::running($self->{pid});
}

# Ends the server as an operator would, and has a test that it went by itself,
# that nothing was wrong in its log, and that no sanitizer had to report. Lines
# like $may are expected.
sub stop
{
    my ($self, $may) = @_;
    my $name = 'the server of ' . (caller)[1] =~ s{.*/}{}r;
    my $status = stop_process($self->{pid}, 'QUIT');

    if ($adopted{$self->{pid}}) {
        kill 'QUIT', $self->{pid};
        $status = 0 if wait_for(10, sub { !$self->running });
        kill 'KILL', $self->{pid} if !defined $status;
        delete $adopted{$self->{pid}};
    }

    ok(defined $status && $status == 0, "$name ends when told to");

    my @lines = grep { /\[(?:error|crit|alert|emerg)\]|exited on signal/ }
        split /\n/, $self->log;
    @lines = grep { !/$may/ } @lines if defined $may;
    is(join("\n", @lines), '', "$name - nothing in its log that should not be");
    VoiceAI::check_reports($name);
}

1;
