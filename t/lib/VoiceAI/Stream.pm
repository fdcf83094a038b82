package VoiceAI::Stream;

# A media socket as seen from Twilio's side, down to the bits of its frames.
#
#     my $stream = VoiceAI::Stream->open($port, Host => 'voice.example.com');
#     $stream->text('{"event":"connected"}');
#     my ($code, $reason) = $stream->closed;

use strict;
use warnings;

use Digest::SHA qw(sha1_base64);
use Exporter qw(import);
use IO::Select;
use IO::Socket::INET;
use MIME::Base64 qw(encode_base64);
use Socket qw(SOL_SOCKET SO_LINGER SO_RCVBUF);
use Time::HiRes qw(time);

our @EXPORT = qw(frame start_message media_message stop_message upgrade);

my $mask = "\x37\xfa\x21\x3d";

# Returns a masked frame; options: fin, rsv, mask (undef: unmasked), length
# (that is told in place of the true one).
sub frame
{
    my ($opcode, $payload, %options) = @_;
    my $length = $options{length} // length $payload;
    my $key = exists $options{mask} ? $options{mask} : $mask;
    my $bit = defined $key ? 0x80 : 0;
    my $head = pack 'C', ($options{fin} // 1) << 7 | ($options{rsv} // 0) << 4
        | $opcode;

    $head .= $length < 126 ? pack('C', $bit | $length)
        : $length < 65536 ? pack('C n', $bit | 126, $length)
        : pack('C Q>', $bit | 127, $length);
    return $head . $payload if !defined $key;

    my $pad = substr $key x (1 + length($payload) / 4), 0, length $payload;
    return $head . $key . ($payload ^ $pad);
}

# Returns a handshake; headers given replace those of the usual ones, undef
# leaves one out.
sub upgrade
{
    my (%given) = @_;
    my $target = delete $given{target} // '/media';
    my $line = delete $given{line} // "GET $target HTTP/1.1";
    my %headers = (
        'Host' => 'voice.example.com',
        'User-Agent' => 'Twilio.TmeWs/1.0',
        'Connection' => 'Upgrade',
        'Upgrade' => 'websocket',
        'Sec-WebSocket-Version' => '13',
        'Sec-WebSocket-Key' => encode_base64('sixteen bytes ok', ''),
        %given,
    );
    return join "\r\n", $line, (map { "$_: $headers{$_}" }
        grep { defined $headers{$_} } sort keys %headers), '', '';
}

# Connects without saying anything. Options: receive, bytes that the kernel
# keeps for us; socket, one that is there already.
sub connect
{
    my ($class, $port, %options) = @_;
    my $socket = $options{socket} // IO::Socket::INET->new(
        PeerAddr => '127.0.0.1', PeerPort => $port,
        defined $options{receive}
            ? (Sockopts => [[SOL_SOCKET, SO_RCVBUF, $options{receive}]]) : ());

    die "connect to $port: $!\n" if !$socket;
    binmode $socket;
    return bless { socket => $socket, in => '' }, $class;
}

# Opens a socket with the headers of upgrade(); a member "glued" is sent in the
# same packet.  Returns nothing if the answer is not 101 as it should be.
sub open
{
    my ($class, $port, %given) = @_;
    my $glued = delete $given{glued} // '';
    my %options = map { exists $given{$_} ? ($_ => delete $given{$_}) : () }
        qw(receive socket);
    my $self = $class->connect($port, %options);

    $self->raw(upgrade(%given) . $glued);
    $self->{answer} = $self->answer // return;

    my $key = $given{'Sec-WebSocket-Key'} // encode_base64('sixteen bytes ok', '');
    my $accept = sha1_base64("${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11") . '=';
    return if $self->{answer} !~ m{^HTTP/1\.1 101 Switching Protocols\r\n}
        || $self->{answer} !~ /^Connection: upgrade\r$/mi
        || $self->{answer} !~ /^Upgrade: websocket\r$/mi
        || $self->{answer} !~ /^Sec-WebSocket-Accept: \Q$accept\E\r$/m;
    return $self;
}

sub socket { return $_[0]{socket} }

# Sends bytes as they are; returns whether they could be sent.
sub raw
{
    my ($self, $bytes) = @_;
    local $SIG{PIPE} = 'IGNORE';
    my $at = 0;

    while ($at < length $bytes) {
        my $n = syswrite $self->{socket}, $bytes, length($bytes) - $at, $at;
        return 0 if !defined $n;
        $at += $n;
    }
    return 1;
}

sub text
{
    my ($self, $text) = @_;
    return $self->raw(frame(1, $text));
}

# Reads what comes, for at most so many seconds; 0 when the peer has gone.
sub more
{
    my ($self, $seconds) = @_;
    my $pending = $self->{socket}->can('pending')
        && $self->{socket}->pending;

    return if !$pending
        && !IO::Select->new($self->{socket})->can_read($seconds);
    my $n = sysread $self->{socket}, $self->{in}, 65536, length $self->{in};
    $self->{gone} = defined $n ? '' : "$!" if !$n;
    return $n // 0;
}

# Returns the head of an HTTP response, and nothing if there is none.
sub answer
{
    my ($self) = @_;
    my $end = time + 10;

    while ($self->{in} !~ /\r\n\r\n/) {
        return if !$self->more($end - time);
    }
    $self->{in} =~ s/^(.*?\r\n\r\n)//s;
    return $1;
}

# Returns the next frame, opcode and payload, or nothing.
sub next
{
    my ($self, $seconds) = @_;
    my $end = time + ($seconds // 10);

    while (1) {
        my $in = $self->{in};
        my $size = length $in < 2 ? undef : ord(substr $in, 1) & 0x7f;
        my $head = !defined $size ? 2 : $size < 126 ? 2 : $size == 126 ? 4 : 10;
        if (defined $size && length $in >= $head) {
            $size = unpack 'n', substr $in, 2, 2 if $head == 4;
            $size = unpack 'Q>', substr $in, 2, 8 if $head == 10;
            if (length $in >= $head + $size) {
                my $opcode = ord($in) & 0x7f;
                my $payload = substr $in, $head, $size;
                substr($self->{in}, 0, $head + $size) = '';
                return ($opcode, $payload);
            }
        }
        my $left = $end - time;
        return if $left <= 0 || !$self->more($left);
    }
}

# Returns code and reason of the close frame, passing over all else; 0 when the
# peer went without one, and nothing when it did nothing.
sub closed
{
    my ($self, $seconds) = @_;
    while (my ($opcode, $payload) = $self->next($seconds)) {
        next if $opcode != 8;
        return length $payload < 2 ? (1005, '') : unpack 'n a*', $payload;
    }
    return defined $self->{gone} ? (0, $self->{gone}) : ();
}

# Whether the peer has closed the connection, all but the answer passed over.
sub gone
{
    my ($self, $seconds) = @_;
    my $end = time + ($seconds // 5);
    while ((my $left = $end - time) > 0) {
        my $n = $self->more($left) // return 0;
        return 1 if $n == 0;
    }
    return 0;
}

sub close
{
    my ($self) = @_;
    CORE::close($self->{socket});
}

# Ends the connection by a reset.
sub reset
{
    my ($self) = @_;
    setsockopt $self->{socket}, SOL_SOCKET, SO_LINGER, pack 'i i', 1, 0;
    CORE::close($self->{socket});
}

# ---- messages

# Returns a start; options: encoding, rate, channels, parameters (JSON).
sub start_message
{
    my ($call, $token, %options) = @_;
    my $stream = $options{stream} // "MZ$call";
    my $parameters = $options{parameters}
        // (defined $token ? qq({"token":"$token"}) : '{}');
    my $encoding = $options{encoding} // 'audio/x-mulaw';
    my $rate = $options{rate} // 8000;
    my $channels = $options{channels} // 1;

    return '{"event":"start","sequenceNumber":"1","start":{"accountSid":"AC1",'
        . qq("streamSid":"$stream","callSid":"$call","tracks":["inbound"],)
        . qq("mediaFormat":{"encoding":"$encoding","sampleRate":$rate,)
        . qq("channels":$channels},"customParameters":$parameters},)
        . qq("streamSid":"$stream"});
}

# Returns 20 ms of silence, or of the given mu-law.
sub media_message
{
    my ($stream, $number, $ulaw) = @_;
    my $payload = encode_base64($ulaw // "\xff" x 160, '');
    my $time = $number * 20;
    my $sequence = $number + 2;
    my $chunk = $number + 1;

    return qq({"event":"media","sequenceNumber":"$sequence","media":{)
        . qq("track":"inbound","chunk":"$chunk","timestamp":"$time",)
        . qq("payload":"$payload"},"streamSid":"$stream"});
}

sub stop_message
{
    my ($call) = @_;
    return '{"event":"stop","sequenceNumber":"9","stop":{"accountSid":"AC1",'
        . qq("callSid":"$call"},"streamSid":"MZ$call"});
}

1;
