package VoiceAI::Transport;

# The transport alone, in a server of its own: t/transport/ has the handler
# that starts jobs as its arguments say.
#
# TRANSPORT_OUT      where t/transport/build.sh has built, or will be told to
# TRANSPORT_PRELOAD  a sanitizer's runtime, if it was built with one

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter qw(import);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use HTTP::Tiny;
use IO::Socket::INET;
use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes qw(time sleep);

our @EXPORT = qw(
    alerts faulty fetch get gone home job listening nginx_pid open_job ports
    preloaded prefix rss sanitizer_reports settled signal_nginx slack spawn
    start_nginx stat_of stop wait_for
);

my $here = abs_path(dirname(__FILE__) . '/../..');
my $out = $ENV{TRANSPORT_OUT} || "$here/../build/transport";
my $preload = $ENV{TRANSPORT_PRELOAD} || '';
my $module = 'ngx_http_voiceai_transport_test_module.so';
my $owner = $$;

# A sanitizer costs time, and bounds of time are about the transport.
my $slack = $preload ? 4 : 1;

if (!-e "$out/$module") {
    system("$here/transport/build.sh", $out) == 0
        or BAIL_OUT('the harness was not built');
}
$out = abs_path($out);

my $dir = tempdir(CLEANUP => 1);
chmod 0755, $dir;

my ($port) = ports(1);
my $http = HTTP::Tiny->new(timeout => 60 * $slack, keep_alive => 0);
my ($nginx, $base, %spawned) = (0, '');

sub slack { return $slack }
sub preloaded { return $preload ne '' }
sub home { return $dir }
sub nginx_pid { return $nginx }

# What URLs of jobs that begin with a slash begin with.
sub prefix { $base = shift }

sub ports {
    my @sockets = map { IO::Socket::INET->new(Listen => 1,
        LocalAddr => '127.0.0.1') } 1 .. shift;
    return map { $_->sockport } @sockets;
}

sub spawn {
    my ($log, @command) = @_;
    my $pid = fork();
    die "fork: $!" unless defined $pid;
    if ($pid) {
        $spawned{$pid} = 1;
        return $pid;
    }
    open STDOUT, '>>', $log or die;
    open STDERR, '>&', \*STDOUT or die;
    exec @command or die "exec: $!";
}

sub stop {
    my ($pid, $signal) = @_;
    kill $signal, $pid;
    waitpid $pid, 0;
    delete $spawned{$pid};
}

sub wait_for {
    my ($seconds, $code) = @_;
    my $end = time + $seconds * $slack;
    while (time < $end) {
        return 1 if $code->();
        sleep 0.02;
    }
    return 0;
}

sub listening {
    my $p = shift;
    return wait_for(10, sub {
        IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $p)
    }) || BAIL_OUT("nothing listens on port $p");
}

# Starts a script that prints one line of JSON when it is ready; returns its
# pid and what it printed.
sub faulty {
    my ($script, @args) = @_;
    my $log = "$dir/" . ($script =~ s{/}{-}gr) . '.log';
    unlink $log;
    my $pid = spawn($log, 'node', "$here/$script", @args);
    my $told;
    wait_for(20, sub {
        open my $f, '<', $log or return 0;
        my $line = <$f> // '';
        $told = eval { decode_json($line) } if $line =~ /\n\z/;
        return $told;
    }) or BAIL_OUT("$script did not start: see $log");
    return ($pid, $told);
}

sub configure {
    my $user = $> == 0 ? 'user root;' : '';
    open my $conf, '>', "$dir/nginx.conf" or die;
    print $conf <<"END";
daemon off;
$user
worker_processes 1;
worker_rlimit_nofile 16384;
pid $dir/nginx.pid;
error_log $dir/error.log info;
load_module $out/$module;
thread_pool ai threads=1 max_queue=4;
thread_pool other threads=1 max_queue=4;
events { worker_connections 4096; }
http {
    access_log off;
    client_body_temp_path $dir/b; proxy_temp_path $dir/p;
    fastcgi_temp_path $dir/f; uwsgi_temp_path $dir/u; scgi_temp_path $dir/s;
    server {
        listen 127.0.0.1:$port;
        location = /job { transport_test ai; }
        location = /other { transport_test other; }
        location = /stat { transport_stat; }
    }
}
END
    close $conf;
}

sub start_nginx {
    local $ENV{LD_PRELOAD} = join ':', grep { $_ } $preload,
        "$out/preload.so";
    local $ENV{TRANSPORT_CA} = "$dir/good.pem";
    delete $ENV{TRANSPORT_CA} if !-e "$dir/good.pem";
    local $ENV{ASAN_OPTIONS} = "log_path=$dir/sanitizer";
    local $ENV{UBSAN_OPTIONS} = "print_stacktrace=1:log_path=$dir/sanitizer";
    local $ENV{TSAN_OPTIONS} = "log_path=$dir/sanitizer"
        . ":suppressions=$here/transport/tsan.supp";
    configure() if !-e "$dir/nginx.conf";
    $nginx = spawn("$dir/nginx.log", 'nginx', '-p', $dir, '-c',
        "$dir/nginx.conf", '-e', "$dir/error.log");
    listening($port);
}

sub signal_nginx {
    my $signal = shift;
    kill $signal, $nginx;
}

# JSON from anywhere.
sub fetch { return decode_json($http->get($_[0])->{content}) }

sub get {
    my $res = $http->get("http://127.0.0.1:$port$_[0]");
    return eval { decode_json($res->{content}) } || { text => $res->{content} };
}

sub arguments {
    my %args = @_;
    $args{url} = "$base$args{url}" if $args{url} =~ m{^/};
    return join '&', map { "$_=$args{$_}" } sort keys %args;
}

sub job {
    my %args = @_;
    $args{connect} //= 3000 * $slack;
    return get('/job?' . arguments(%args));
}

# Starts a job and leaves the client's socket to the caller.
sub open_job {
    my %args = @_;
    my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port)
        or die "connect: $!";
    print $s 'GET /job?' . arguments(%args) . " HTTP/1.0\r\n\r\n";
    return $s;
}

sub stat_of { return get('/stat') }

sub settled {
    my $seconds = shift || 3;
    return wait_for($seconds, sub { stat_of()->{jobs} == 0 });
}

sub rss {
    open my $f, '<', "/proc/$_[0]/status" or return 0;
    local $/;
    return <$f> =~ /VmRSS:\s+(\d+)/ ? $1 / 1024 : 0;
}

sub gone {
    my ($pid, $seconds) = @_;
    my $start = time;
    wait_for($seconds, sub {
        open my $f, '<', "/proc/$pid/stat" or return 1;
        return (<$f> // '') =~ /^\d+ \(.*\) Z/;
    }) or return;
    return time - $start;
}

sub alerts {
    open my $f, '<', "$dir/error.log" or die;
    return join '', grep {
        /\[(alert|crit|emerg)\]/ || (/\[error\]/ && !/in flight, refused/)
    } <$f>;
}

# What nginx leaves behind when it exits hangs together in its pools, so each
# piece of it is an indirect leak; jobs and messages are in no pool.

sub ours {
    my $report = shift;
    return $report if $report !~ /LeakSanitizer/;
    return join "\n\n", grep { /^Direct leak/m } split /\n\n/, $report;
}

# After the end of the server.
sub sanitizer_reports {
    my @reports;
    for my $file (glob "$dir/sanitizer*") {
        open my $f, '<', $file or die;
        local $/;
        my $report = ours(scalar <$f>);
        push @reports, $report if $report ne '';
    }
    return join "\n", @reports;
}

END {
    if ($$ == $owner) {
        my $rc = $?;
        for my $pid (keys %spawned) {
            kill 'TERM', $pid;
            waitpid $pid, 0;
        }
        $? = $rc;
    }
}

1;
