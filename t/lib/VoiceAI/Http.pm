package VoiceAI::Http;

# Requests to a server of VoiceAI::Server, each on a connection of its own.
#
#     my $answer = ask($port, 'POST /make-call', key => 'k', json => {...});
#     $answer->{status}, {body}, {json}, {worker}, {type}, {head}
#
# Options: host, key (a bearer token), json (an object, or a text sent as it
# is), form (name and value pairs, in order), headers (a hash), seconds, socket
# (a connection that is there already).
#
# The worker is told by a server that has "add_header X-Worker $pid always;".

use strict;
use warnings;

use Exporter qw(import);
use IO::Select;
use IO::Socket::INET;
use JSON::PP ();
use Time::HiRes qw(time);

our @EXPORT = qw(answer ask connect_worker form_text send_request);

# Returns pairs as the body of a form.
sub form_text
{
    my @pairs = @_;
    my @parts;
    while (my ($name, $value) = splice @pairs, 0, 2) {
        utf8::encode($value) if utf8::is_utf8($value);
        $value =~ s/([^\w.-])/sprintf '%%%02X', ord $1/ge;
        push @parts, "$name=$value";
    }
    return join '&', @parts;
}

sub connect_to
{
    my ($port) = @_;
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
        PeerPort => $port) or die "connect to $port: $!\n";
    binmode $socket;
    return $socket;
}

# Sends a request without waiting for what comes; see answer().
sub send_request
{
    my ($port, $line, %options) = @_;
    my $body = '';
    my %headers = (Host => $options{host} // 'voice.example.com',
        Connection => 'close', %{$options{headers} // {}});

    if (defined $options{form}) {
        $body = form_text(@{$options{form}});
        $headers{'Content-Type'} = 'application/x-www-form-urlencoded';
    }
    if (defined $options{json}) {
        $body = ref $options{json}
            ? JSON::PP->new->utf8->canonical->encode($options{json})
            : $options{json};
        $headers{'Content-Type'} = 'application/json';
    }
    $headers{Authorization} = "Bearer $options{key}" if defined $options{key};
    $headers{'Content-Length'} = length $body
        if length $body || $line =~ /^P/;

    my $socket = $options{socket} // connect_to($port);
    local $SIG{PIPE} = 'IGNORE';
    print $socket "$line HTTP/1.1\r\n",
        (map { "$_: $headers{$_}\r\n" } sort keys %headers), "\r\n", $body;
    $socket->flush;
    return $socket;
}

# Reads the answer to the end; status 0 when none came in time.
sub answer
{
    my ($socket, $seconds) = @_;
    my $end = time + ($seconds // 20);
    my $in = '';

    while ((my $left = $end - time) > 0) {
        next if !IO::Select->new($socket)->can_read($left);
        my $n = sysread $socket, $in, 65536, length $in;
        last if !$n;
    }

    my ($head, $body) = split /\r\n\r\n/, $in, 2;
    $head //= '';
    my ($status) = $head =~ m{^HTTP/1\.1 (\d+)};
    my ($worker) = $head =~ /^X-Worker: (\d+)/mi;
    my ($type) = $head =~ /^Content-Type: ([^\r\n]*)/mi;
    my $json = ($type // '') eq 'application/json'
        ? eval { JSON::PP->new->utf8->decode($body) } : undef;

    return { status => $status // 0, head => $head, body => $body // '',
        json => $json, worker => $worker // 0, type => $type // '' };
}

sub ask
{
    my ($port, $line, %options) = @_;
    return answer(send_request($port, $line, %options), $options{seconds});
}

# Returns a connection to a worker that the function likes, by asking each for
# the health page first.
sub connect_worker
{
    my ($port, $likes) = @_;
    for (1 .. 200) {
        my $socket = connect_to($port);
        my $in = '';

        print $socket "GET / HTTP/1.1\r\nHost: voice.example.com\r\n\r\n";
        $socket->flush;
        while ($in !~ /\r\n\r\n.*\n\z/s) {
            sysread $socket, $in, 65536, length $in or last;
        }
        my ($worker) = $in =~ /^X-Worker: (\d+)/mi;
        return $socket if $worker && $likes->($worker);
    }
    die "no such worker\n";
}

1;
