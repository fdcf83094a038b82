# The media socket, from the handshake to the last bit of a frame: what it
# takes, what it refuses, and that nothing is left of either.

use strict;
use warnings;

use lib 't/lib';
use IO::Socket::SSL;
use JSON::PP qw(decode_json);
use MIME::Base64 qw(encode_base64);
use Test::More;
use Time::HiRes qw(sleep time);
use VoiceAI;
use VoiceAI::Server;
use VoiceAI::Stream;

my $checked = grep { /asan|address/i } `ldd $ENV{TEST_NGINX_BINARY}`;
my $dir = scratch();
my ($status, $out) = run_command('openssl', 'req', '-x509', '-newkey', 'rsa:2048',
    '-nodes', '-days', '2', '-subj', '/CN=voice.example.com', '-addext',
    'subjectAltName=DNS:voice.example.com', '-keyout', "$dir/key.pem",
    '-out', "$dir/cert.pem");
die $out if $status;

# Two minutes of a voice, which is as loud as it is dull.
open my $speech, '>', "$dir/speech" or die;
print $speech "\x90\x10" x (8000 * 60);
close $speech;

my %hosts = (
    voice => 'voiceai_greeting Hello; voiceai_parameter a 1;',
    free => 'voiceai_stream_token off; voiceai_silence_threshold 500ms;'
        . ' voiceai_voice Polly.Amy; voiceai_language en-GB;',
    idle => 'voiceai_stream_token off; voiceai_idle_timeout 1s;',
    brief => 'voiceai_stream_token off; voiceai_max_duration 1s;',
    small => 'voiceai_stream_token off; voiceai_max_message 1k;',
    signed => 'voiceai_signature on; voiceai_twilio_auth_token 12345;',
    talking => 'voiceai_stream_token off; voiceai_greeting "Hello there.";'
        . ' voiceai_tts openai url=http://127.0.0.1:%%PORT%%/v1 format=ulaw'
        . ' rate=8000; voiceai_send_ahead 10s;'
        . ' voiceai_silence_threshold 500ms;',
);
my $servers = join '', map { <<"END" } sort keys %hosts;
    server {
        listen 127.0.0.1:%%PORT%%;
        listen 127.0.0.1:%%TLS%% ssl http2;
        server_name $_.example.com;
        voiceai on;
        $hosts{$_}
    }
END

my $server = VoiceAI::Server->new(workers => 2, http => <<"END");
    ssl_certificate $dir/cert.pem;
    ssl_certificate_key $dir/key.pem;
    voiceai_zone calls 4m;
    voiceai_public_url https://voice.example.com;
    voiceai_signature off;
    voiceai_idle_timeout 20s;
    voiceai_tts off;
    voiceai_stt openai url=http://127.0.0.1:%%PORT%%/v1;

    server {
        listen 127.0.0.1:%%PORT%% sndbuf=16k;
        listen 127.0.0.1:%%TLS%% ssl http2 sndbuf=16k;
        access_log off;
        keepalive_timeout 0;
        location = /v1/audio/transcriptions {
            return 200 '{"text":"what time is it"}';
        }
        location = /v1/audio/speech {
            default_type audio/basic;
            alias $dir/speech;
            error_page 405 =200 \$uri;
        }
    }
$servers
END
my $port = $server->port;
my $calls = 0;

# Opens a socket of one of the servers.
sub stream
{
    my ($host, %options) = @_;
    return VoiceAI::Stream->open($port, Host => "$host.example.com", %options);
}

# Opens a stream whose start was taken; returns it and the call.
sub started
{
    my ($host, %options) = @_;
    my $call = 'CA' . ++$calls;
    my $stream = stream($host) // die "no handshake\n";
    $stream->text(start_message($call, undef, %options));
    return ($stream, $call);
}

# One test: what the socket answers to these bytes is a close of that code.
sub closes
{
    my ($host, $name, $code, @bytes) = @_;
    my $stream = stream($host) // die "no handshake\n";
    $stream->raw(join '', @bytes);
    my ($got, $reason) = $stream->closed;
    is($got, $code, "$name: " . ($reason // ''));
    $stream->close;
}

# Returns a recorded prompt as mu-law.
sub recorded
{
    my ($name) = @_;
    my $file = "/usr/share/asterisk/sounds/en_US_f_Allison/$name.wav";
    my ($rc, $ulaw) = run_command('sox', $file, '-t', 'raw', '-r', '8000',
        '-c', '1', '-e', 'u-law', '-');
    die "$file: $ulaw" if $rc;
    return $ulaw;
}

# ---- handshake

my $key = encode_base64('sixteen bytes ok', '');
my @refused = (
    ['POST', 405, 'Allow: GET', line => 'POST /media HTTP/1.1',
        'Content-Length' => 0],
    ['PUT', 405, 'Allow: GET', line => 'PUT /media HTTP/1.1',
        'Content-Length' => 0],
    ['HEAD', 405, 'Allow: GET', line => 'HEAD /media HTTP/1.1'],
    ['HTTP/1.0', 426, 'Upgrade: websocket', line => 'GET /media HTTP/1.0'],
    ['no Upgrade', 426, 'Upgrade: websocket', Upgrade => undef],
    ['another Upgrade', 426, 'Upgrade: websocket', Upgrade => 'h2c'],
    ['an Upgrade that begins like ours', 426, '', Upgrade => 'websockets'],
    ['no Connection', 426, 'Upgrade: websocket', Connection => 'keep-alive'],
    ['a Connection with an upgrade inside', 426, '',
        Connection => 'x-upgrade, upgrade-x'],
    ['no version', 426, 'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Version' => undef],
    ['version 8', 426, 'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Version' => 8],
    ['version 130', 426, 'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Version' => 130],
    ['no key', 400, '', 'Sec-WebSocket-Key' => undef],
    ['an empty key', 400, '', 'Sec-WebSocket-Key' => ''],
    ['a key of 15 bytes', 400, '', 'Sec-WebSocket-Key' =>
        encode_base64('x' x 15, '')],
    ['a key of 17 bytes', 400, '', 'Sec-WebSocket-Key' =>
        encode_base64('x' x 17, '')],
    ['a key that is not base64', 400, '', 'Sec-WebSocket-Key' =>
        $key =~ s/^./!/r],
    ['a key without padding', 400, '', 'Sec-WebSocket-Key' => $key =~ s/=//gr],
    ['a body', 400, '', 'Content-Length' => 5],
    ['a chunked body', 400, '', 'Transfer-Encoding' => 'chunked'],
);

for my $case (@refused) {
    my ($name, $expected, $header, %headers) = @$case;
    my $stream = VoiceAI::Stream->connect($port);
    $stream->raw(upgrade(Host => 'free.example.com', %headers));
    my $answer = $stream->answer // '';
    my $end = $header && $answer !~ /^\Q$header\E\r$/m ? " without $header" : '';
    is(($answer =~ m{^HTTP/1.1 (\d+ [A-Z])})[0] . $end,
        "$expected " . { 400 => 'B', 405 => 'N', 426 => 'U' }->{$expected},
        "$name is answered with $expected");
    $stream->close;
}

my @taken = (
    ['lists and cases', Connection => 'keep-alive, UPGRADE',
        Upgrade => 'foo, WebSocket'],
    ['a list without blanks', Connection => 'a,upgrade,b', Upgrade => 'WEBSOCKET'],
    ['a subprotocol, which is not taken up',
        'Sec-WebSocket-Protocol' => 'audio.twilio.com'],
    ['extensions, which are not either',
        'Sec-WebSocket-Extensions' => 'permessage-deflate'],
    ['a query', target => '/media?a=b'],
);

for my $case (@taken) {
    my ($name, %headers) = @$case;
    my $stream = stream('free', %headers);
    ok($stream && $stream->{answer} !~ /^Sec-WebSocket-(Protocol|Extensions)/mi,
        "a handshake with $name");
    $stream->text(start_message('CA' . ++$calls));
    $stream->text(stop_message("CA$calls"));
    is(($stream->closed)[0], 1000, "and a stream on it");
    $stream->close;
}

my $split = upgrade(Host => 'free.example.com');
my $whole = 0;
for my $at (1 .. length($split) - 1) {
    my $stream = VoiceAI::Stream->connect($port);
    $stream->raw(substr $split, 0, $at);
    sleep 0.001;
    $stream->raw(substr($split, $at) . frame(9, 'hi'));
    $whole += ($stream->answer // '') =~ /^HTTP\/1.1 101/
        && ($stream->next)[1] eq 'hi';
    $stream->close;
}
is($whole, length($split) - 1, 'a handshake split at each byte');

sub signed_handshake
{
    my ($url, %headers) = @_;
    my (undef, $signature) = run_node('oracle/sign.js', 'sign', '--token',
        '12345', '--url', $url);
    my $stream = VoiceAI::Stream->connect($port);
    $stream->raw(upgrade(Host => 'signed.example.com',
        'X-Twilio-Signature' => $signature =~ s/\s//gr, %headers));
    return $stream->answer =~ m{^HTTP/1.1 (\d+)} ? $1 : 0;
}

my $wss = 'wss://voice.example.com';
is(signed_handshake("$wss/media"), 101, 'a handshake signed as wss');
is(signed_handshake("$wss/media/"), 101, 'with a slash at the end');
is(signed_handshake("$wss:443/media"), 101, 'with the port');
is(signed_handshake("$wss:443/media/"), 101, 'with both');
is(signed_handshake('https://voice.example.com/media'), 403, 'as https');
is(signed_handshake("$wss/media2"), 403, 'with another path');
is(signed_handshake("$wss/media?a=b"), 403, 'with a query that is not there');
is(signed_handshake("$wss/media?a=b", target => '/media?a=b'), 101,
    'with one that is');
is(signed_handshake("$wss/media", 'X-Twilio-Signature' => undef), 403,
    'without a signature');

# ---- frames

# Bytes of a message that is taken, and then a stop, so that the end tells
# whether all of it was understood.
sub understood
{
    my ($name, $make, $pongs) = @_;
    my $call = 'CA' . ++$calls;
    my $stream = stream('free');
    my @pongs;
    $stream->raw($make->(start_message($call)));
    $stream->text(stop_message($call));
    while (my ($opcode, $payload) = $stream->next) {
        push @pongs, $payload if $opcode == 10;
        next if $opcode != 8;
        my ($code) = unpack 'n', $payload;
        is("$code @pongs", "1000 @{$pongs // []}", $name);
        last;
    }
    $stream->close;
}

understood('one frame', sub { frame(1, $_[0]) });
understood('with a key of zeros', sub { frame(1, $_[0], mask => "\0" x 4) });
understood('a ping before it', sub { frame(9, '') . frame(1, $_[0]) }, ['']);
understood('the longest ping', sub { frame(9, 'p' x 125) . frame(1, $_[0]) },
    ['p' x 125]);
understood('a pong that nobody asked for',
    sub { frame(10, 'x') . frame(1, $_[0]) });
understood('fragments with a ping between them', sub {
    my @pieces = unpack '(a50)*', $_[0];
    frame(1, '', fin => 0)
        . join('', map { frame(0, $_, fin => 0) . frame(9, 'between') } @pieces)
        . frame(0, '') }, [('between') x (1 + int length(start_message('CA100')) / 50)]);
understood('a fragment for each byte', sub {
    join '', map { my ($i, $n) = ($_, length $_[0]);
        frame($i ? 0 : 1, substr($_[0], $i, 1), fin => $i == $n - 1) }
        0 .. length($_[0]) - 1 });
understood('blanks around, up to the limit',
    sub { frame(1, ' ' x (65536 - length $_[0]) . $_[0]) });
understood('an event and members that nobody knows', sub {
    frame(1, '{"event":"wink","a":[1,{"b":null}]}') . frame(1, $_[0])
        . frame(1, '{"event":"media","x":{},"media":{"track":"inbound",'
            . '"payload":"","more":1},"streamSid":"MZ1"}') });
understood('audio of the other side, and of odd sizes', sub {
    frame(1, $_[0])
        . frame(1, '{"event":"media","media":{"track":"outbound","chunk":"1",'
            . '"timestamp":"0","payload":"//8="},"streamSid":"MZ1"}')
        . join '', map { frame(1, media_message('MZ1', $_, "\xff" x $_)) }
            1, 159, 161, 4000, 20000 });
understood('keys', sub { join '', frame(1, $_[0]), map { frame(1,
    qq({"event":"dtmf","streamSid":"MZ1","dtmf":{"digit":"$_"}})) }
    0 .. 9, '*', '#' });
understood('marks that were never sent', sub { join '', frame(1, $_[0]), map {
    frame(1, qq({"event":"mark","streamSid":"MZ1","mark":{"name":"$_"}})) }
    'g1:1', 'g999999999999:7', 'x' x 1000, 'g-1:-1', '' });

my $hello = frame(1, 'Hello');
my @cases = (
    ['not masked', 1002, frame(1, 'a', mask => undef)],
    ['a ping not masked', 1002, frame(9, 'a', mask => undef)],
    ['RSV1', 1002, frame(1, 'a', rsv => 4)],
    ['RSV2', 1002, frame(1, 'a', rsv => 2)],
    ['RSV3', 1002, frame(9, '', rsv => 1)],
    (map { ["opcode $_", 1002, frame($_, '')] } 3, 7, 11, 15),
    ['a continuation of nothing', 1002, frame(0, 'a')],
    ['a message inside a message', 1002, frame(1, 'a', fin => 0), $hello],
    ['a ping in pieces', 1002, frame(9, 'a', fin => 0)],
    ['a ping over 125 bytes', 1002, frame(9, 'x' x 126)],
    ['a close over 125 bytes', 1002, frame(8, "\x03\xe8" . 'x' x 124)],
    ['a length not in its shortest form', 1002, "\x81\xfe\x00\x05" . 'x' x 9],
    ['the top bit of a length', 1002, "\x82\xff\x80" . "\0" x 7],
    ['the largest length', 1009, "\x81\xff\x7f" . "\xff" x 7],
    ['a length over the limit', 1009, frame(1, '', length => 65537)],
    ['UTF-8 cut short', 1007, frame(1, "\xe2\x82")],
    ['UTF-8 overlong', 1007, frame(1, "\xc0\xaf")],
    ['a surrogate', 1007, frame(1, "\xed\xa0\x80")],
    ['beyond Unicode', 1007, frame(1, "\xf4\x90\x80\x80")],
    ['bad UTF-8 in the second fragment', 1007, frame(1, "\xe2", fin => 0),
        frame(0, 'a')],
    ['a binary message', 1003, frame(2, '{}')],
    ['not JSON', 1007, $hello],
    ['an empty message', 1007, frame(1, '')],
    ['JSON cut short', 1007, frame(1, '{"event":"start"')],
    ['JSON without an event', 1007, frame(1, '{}')],
    ['JSON that is no object', 1007, frame(1, '[1]')],
    ['JSON of great depth', 1007, frame(1, '[' x 60000)],
    ['media before start', 1008, frame(1, media_message('MZ1', 0))],
    ['stop before start', 1008, frame(1, stop_message('CA1'))],
    ['start without its sids', 1007, frame(1, '{"event":"start","start":{}}')],
    ['start with a long CallSid', 1008, frame(1, start_message('C' x 129))],
    ['start with a long StreamSid', 1008,
        frame(1, start_message('CA1', undef, stream => 'M' x 129))],
    ['start with an empty CallSid', 1007,
        frame(1, start_message('', undef, stream => 'MZ1'))],
    ['audio of another encoding', 1003,
        frame(1, start_message('CA1', undef, encoding => 'audio/l16'))],
    ['audio of another rate', 1003,
        frame(1, start_message('CA1', undef, rate => 16000))],
    ['audio of two channels', 1003,
        frame(1, start_message('CA1', undef, channels => 2))],
    ['start without a media format', 1003, frame(1, '{"event":"start",'
        . '"start":{"callSid":"CA1","streamSid":"MZ1"},"streamSid":"MZ1"}')],
    ['connected, then a second connection', 1008,
        frame(1, '{"event":"connected","protocol":"Call"}') x 2,
        frame(1, media_message('MZ1', 0))],
    ['a close', 1000, frame(8, "\x03\xe8")],
    ['a close without a code', 1000, frame(8, '')],
    ['a close of code 3000', 3000, frame(8, pack 'n', 3000)],
    (map { ["a close of code $_", 1002, frame(8, pack 'n', $_)] }
        0, 999, 1004, 1005, 1006, 1015, 2999, 5000),
    ['a close of one byte', 1002, frame(8, 'x')],
    ['a close whose reason is not UTF-8', 1007, frame(8, "\x03\xe8\xff")],
    ['frames after a close', 1000, frame(8, "\x03\xe8"), $hello],
);

for my $case (@cases) {
    my ($name, $code, @bytes) = @$case;
    closes('free', $name, $code, @bytes);
}

# The same, byte by byte.
for my $case (@cases[0, 9, 13, 19, 22]) {
    my ($name, $code, @bytes) = @$case;
    my $stream = stream('free');
    for my $byte (split //, join '', @bytes) {
        $stream->raw($byte) or last;
        sleep 0.0005;
    }
    is(($stream->closed)[0], $code, "$name, byte by byte");
    $stream->close;
}

# ---- what comes after a start

my @later = (
    ['start twice', 1008, start_message('CA1')],
    ['a payload that is not base64', 1007,
        '{"event":"media","media":{"track":"inbound","chunk":"1",'
        . '"timestamp":"0","payload":"!!!!"},"streamSid":"MZ1"}'],
    ['media without a payload', 1007, '{"event":"media","media":{}}'],
    ['a key that is none', 1007,
        '{"event":"dtmf","dtmf":{"digit":"x"},"streamSid":"MZ1"}'],
    ['a mark without a name', 1007, '{"event":"mark","mark":{}}'],
    ['not JSON after all', 1007, 'Hello'],
);

for my $case (@later) {
    my ($name, $code, $text) = @$case;
    my ($stream) = started('free');
    $stream->text(media_message('MZ1', $_)) for 0 .. 4;
    $stream->text($text);
    is(($stream->closed)[0], $code, $name);
    $stream->close;
}

closes('small', 'a message of the limit and a byte', 1009, frame(1, 'x' x 1025));
closes('small', 'the same in fragments', 1009, frame(1, 'x' x 1000, fin => 0),
    frame(0, 'x' x 25));
closes('free', 'a message of 10 MB', 1009, frame(1, 'x' x 10_000_000));

{
    my $stream = stream('free');
    $stream->raw(frame(1, '', fin => 0));
    my $sent = 0;
    while (!$stream->more(0) && $sent++ < 2000) {
        $stream->raw(frame(0, 'x' x 100, fin => 0)) or last;
    }
    my ($code) = $stream->closed;
    is($code, 1009, 'fragments without end');
    cmp_ok($sent, '<', 2000, 'they are not read for ever');
    $stream->close;

    $stream = stream('free');
    $stream->raw(frame(1, '', fin => 0) . frame(0, '', fin => 0) x 100_000);
    $stream->raw(frame(9, 'still there'));
    is(($stream->next)[1], 'still there', 'empty fragments cost nothing');
    $stream->close;
}

{
    my $call = 'CA' . ++$calls;
    my $stream = stream('free', glued => frame(1, start_message($call))
        . frame(9, 'glued') . substr frame(1, stop_message($call)), 0, 30);
    is(($stream->next)[1], 'glued', 'frames in the packet of the handshake');
    $stream->raw(substr frame(1, stop_message($call)), 30);
    is(($stream->closed)[0], 1000, 'and the frame that began there');
    $stream->close;
}

# ---- who may stream

{
    my $call = 'CA' . ++$calls;
    my $token = $server->announce($call);

    for my $case (['no token', undef], ['an empty token', ''],
        ['a wrong token', $token =~ s/^(.)/$1 eq 'a' ? 'b' : 'a'/er],
        ['a token that is too long', "${token}0"],
        ['a token cut short', substr $token, 0, 31]) {
        closes('voice', $case->[0], 1008,
            frame(1, start_message($call, $case->[1])));
    }
    closes('voice', 'the token of another call', 1008,
        frame(1, start_message('CA-nobody', $token)));
    is($server->sessions, 0, 'none of them counts');

    my $stream = stream('voice');
    $stream->text(start_message($call, $token, parameters =>
        qq({"a":"1","empty":"","":"x","token":"$token",)
        . q("Name":"J\\u00fcrgen"})));
    ok(wait_for(5, sub { $server->sessions == 1 }), 'the token opens the stream');

    closes('voice', 'a second stream of the call', 1008,
        frame(1, start_message($call, $token)));
    is($server->announce($call), $token, 'the webhook again, while it runs');
    is($server->sessions, 1, 'it still runs');
    closes('voice', 'a second stream all the same', 1008,
        frame(1, start_message($call, $token)));

    my (undef, $again) = $server->get("/voice/continue?CallSid=$call");
    like($again, qr/<Stream/, 'Twilio lost it: it is connected again');
    my $second = stream('voice');
    $second->text(start_message($call, $token, stream => "MZ$call-2"));
    ok($server->wait_log("call $call stream MZ$call-2 started, connection 2"),
        'by a new stream');
    $stream->reset;
    ok($server->wait_log("call $call lost"), 'the old one goes');
    is($server->sessions, 1, 'and takes nothing with it');

    $second->text(stop_message($call));
    is(($second->closed)[0], 1000, 'the caller hangs up');
    is($server->sessions, 0, 'nothing is left');
    (undef, $again) = $server->get("/voice/continue?CallSid=$call");
    like($again, qr/<Hangup/, 'and the call is over');
}

{
    my ($stream, $call) = started('free');
    ok(wait_for(5, sub { $server->sessions == 1 }), 'no token is asked for');
    closes('free', 'but one stream a call', 1008, frame(1, start_message($call)));
    $stream->reset;
    ok(wait_for(5, sub { $server->sessions == 0 }), 'a reset is noticed');
    my (undef, $again) = $server->get("/voice/continue?CallSid=$call");
    like($again, qr/<Stream/,
        'after a reset the call is connected again');
}

# ---- time

{
    my $begin = time;
    my $stream = stream('idle');
    my ($code, $reason) = $stream->closed;
    is($code, 1001, "a handshake and silence: $reason");
    cmp_ok(time - $begin, '<', 3, 'soon');
    $stream->close;

    ($stream) = started('idle');
    $stream->text(media_message('MZ1', 0));
    ($code, $reason) = $stream->closed;
    is($code, 1001, "a stream that falls silent: $reason");
    ok($stream->gone, 'who does not answer the close is left');

    ($stream) = started('idle');
    for my $i (0 .. 20) {
        $stream->raw(frame(10, ''));
        sleep 0.05;
    }
    $stream->raw(frame(9, 'alive'));
    is(($stream->next)[1], 'alive', 'any frame keeps it open');
    $stream->close;

    ($stream) = started('brief');
    ($code, $reason) = $stream->closed;
    is($code, 1000, "the longest duration: $reason");
    $stream->close;
}

# ---- the assistant's voice

{
    my ($stream, $call) = started('talking');
    my ($bytes, @marks) = (0);
    my $begin = time;
    while (my ($opcode, $payload) = $stream->next(1)) {
        my $message = decode_json($payload);
        is($message->{streamSid}, "MZ$call", 'audio is for this stream')
            if !$bytes;
        push @marks, $message->{mark}{name} if $message->{event} eq 'mark';
        $bytes += MIME::Base64::decoded_base64_length(
            $message->{media}{payload}) if $message->{event} eq 'media';
        last if $bytes >= 80000 || time - $begin > 5;
    }
    cmp_ok($bytes, '>=', 80000, 'ten seconds come ahead');
    cmp_ok(time - $begin, '<', 5, 'at once');
    cmp_ok(scalar @marks, '>=', 1, 'with a mark behind the first packet');
    $stream->text(qq({"event":"mark","streamSid":"MZ$call",)
        . qq("mark":{"name":"$marks[0]"}})) for 1 .. 2;
    $stream->text(stop_message($call));
    is(($stream->closed)[0], 1000, 'marks came back, one of them twice');
    $stream->close;
    like($server->access($call), qr/out=[0-9]{6}/, 'bytes that were sent')
        if wait_for(5, sub { $server->access($call) });
}

# Who reads slowly gets all of it, in order, over TLS as well.
for my $tls (0, 1) {
    my $plain = VoiceAI::Stream->connect($tls ? $server->tls : $port,
        receive => 4096)->socket;
    my $socket = $tls ? IO::Socket::SSL->start_SSL($plain, SSL_verify_mode => 0)
        : $plain;
    my $stream = VoiceAI::Stream->open(0, socket => $socket,
        Host => 'talking.example.com');
    my $call = 'CA' . ++$calls;
    my $audio = '';

    $stream->text(start_message($call));
    sleep 1;
    while (length $audio < 90000) {
        my ($opcode, $payload) = $stream->next(5) or last;
        my $message = eval { decode_json($payload) } or last;
        $audio .= MIME::Base64::decode_base64($message->{media}{payload})
            if $message->{event} eq 'media';
        sleep 0.01;
    }
    my $how = $tls ? 'over TLS' : 'plain';
    cmp_ok(length $audio, '>=', 90000, "a slow reader, $how, gets its audio");
    like($audio, qr/\A(?:\x90\x10)+\z/, 'and nothing else');
    $stream->close;
}

# Who does not read is dropped: one that is talked to, one that asks and asks.
my ($deaf) = do {
    my $stream = stream('talking', receive => 4096);
    $stream->text(start_message('CA-deaf'));
    $stream;
};

{
    my $memory = $server->memory;
    my $stream = stream('free', receive => 4096);
    my $sent = 0;
    my $pings = frame(9, 'x' x 125) x 400;
    while ($sent < 1000) {
        local $SIG{ALRM} = sub { die "stuck\n" };
        alarm 15;
        my $ok = eval { $stream->raw($pings) };
        alarm 0;
        last if !$ok;
        $sent++;
    }
    ok($server->wait_log('the peer (?:reads too slowly|does not read)'),
        "a flood of pings by a deaf peer ends after $sent packs");
    cmp_ok($server->memory - $memory, '<', 8192, 'its memory is bounded')
        if !$checked;
    $stream->close;
}

# ---- sudden ends

my @stages = (
    sub { my $s = VoiceAI::Stream->connect($port); $s },
    sub { my $s = VoiceAI::Stream->connect($port);
        $s->raw("GET /media HTTP/1.1\r\nHost: free.exa"); $s },
    sub { my $s = VoiceAI::Stream->connect($port);
        $s->raw(upgrade(Host => 'free.example.com')); $s },
    sub { stream('free') },
    sub { my $s = stream('free'); $s->raw("\x81"); $s },
    sub { my $s = stream('free'); $s->raw("\x81\xfe\x01"); $s },
    sub { my $s = stream('free');
        $s->raw(substr frame(1, start_message('CA1')), 0, 100); $s },
    sub { my $s = stream('free');
        $s->raw(frame(1, 'x' x 100, fin => 0) . frame(9, 'y')); $s },
    sub { (started('free'))[0] },
    sub { my ($s) = started('free');
        $s->text(media_message('MZ1', $_)) for 0 .. 9; $s },
    sub { my ($s) = started('talking'); $s->next(1); $s },
    sub { my ($s, $c) = started('free'); $s->text(stop_message($c)); $s },
    sub { my $s = stream('free'); $s->raw(frame(2, 'x')); $s->closed; $s },
    sub { my $s = stream('free'); $s->raw(join '', map { chr rand 256 } 1 .. 500);
        $s },
);

srand 7;
for my $round (1 .. 50) {
    for my $stage (@stages[$round % 2 ? (0 .. 6) : (7 .. $#stages)]) {
        my $stream = $stage->();
        sleep 0.002 if $round % 3 == 0;
        $round % 5 ? $stream->reset : $stream->close;
    }
}
ok(wait_for(10, sub { $server->sessions == 1 }), 'sudden ends leave no session')
    or diag($server->sessions);

# ---- short lives

# A hundred connections in each of several ways leave no memory behind; what a
# sanitizer finds is told when the server ends.
my @lives = (
    sub { my ($s, $c) = started('free');
        $s->text(media_message('MZ1', $_)) for 0 .. 9;
        $s->text(stop_message($c)); $s->closed; $s->close },
    sub { my ($s) = started('talking'); $s->next(1); $s->reset },
    sub { my $s = stream('free'); $s->raw(frame(1, 'x' x 30000, fin => 0));
        $s->close },
    sub { my $s = stream('free'); $s->raw(frame(8, "\x03\xe8")); $s->closed;
        $s->close },
    sub { my $s = stream('voice'); $s->text(start_message('CA1', 'x'));
        $s->closed; $s->close },
    sub { $server->get('/media', Host => 'free.example.com') },
);

my @memory;
for my $round (1 .. 3) {
    for my $life (@lives) {
        $life->() for 1 .. ($checked ? 34 : 50);
    }
    wait_for(10, sub { $server->sessions == 1 });
    push @memory, $server->memory;
}
cmp_ok($memory[2] - $memory[1], '<', 2048, "memory stays: @memory KiB")
    if !$checked;

# ---- TLS and the clients of others

{
    my $call = 'CA' . ++$calls;
    my $token = $server->announce($call);
    my ($rc, $answer) = run_node('media/stream.js', '--url',
        'wss://127.0.0.1:' . $server->tls . '/media', '--host',
        'voice.example.com', '--ca', "$dir/cert.pem", '--call', $call,
        '--token', $token, '--deflate', '--subprotocol', '');
    my $result = eval { decode_json($answer) } // {};
    is_deeply([@$result{qw(code pong extensions)}], [1000, JSON::PP::true, ''],
        'the Node library ws, over TLS') or diag($answer);

    $call = 'CA' . ++$calls;
    ($rc, $answer) = run_node('media/stream.js', '--url',
        "ws://127.0.0.1:$port/media", '--host', 'talking.example.com',
        '--call', $call);
    $result = eval { decode_json($answer) } // {};
    is($result->{code}, 1000, 'the same, plain') or diag($answer);
    cmp_ok($result->{media}, '>', 10, 'with audio');

    ($rc, $answer) = run_command('node', VoiceAI::project_root()
        . '/t/node_modules/wscat/bin/wscat', '-c', "ws://127.0.0.1:$port/media",
        '-H', 'Host: free.example.com', '-w', '1', '-x', 'Hello');
    is($rc, 0, 'wscat connects, and ends') or diag($answer);
    ok($server->wait_log('closing with 1007'), 'what it says makes no sense');

    ($rc, $answer) = run_command('curl', '-sS', '--http2-prior-knowledge', '-k',
        '--http2', '-o', '/dev/null', '-w', '%{http_version} %{http_code}',
        '-H', 'Host: free.example.com', 'https://127.0.0.1:' . $server->tls
        . '/media');
    is($answer, '2 426', 'HTTP/2 is told so');
    ($rc, $answer) = run_command('curl', '-sS', '--http2', '-k',
        '-w', ' %{http_version}', '-d', 'CallSid=CA-h2',
        '-H', 'Host: free.example.com', 'https://127.0.0.1:' . $server->tls
        . '/voice/incoming');
    like($answer, qr/<Stream .* 2$/, 'the webhooks speak it');
}

for my $life (1 .. 20) {
    my $socket = IO::Socket::SSL->new(PeerAddr => '127.0.0.1',
        PeerPort => $server->tls, SSL_verify_mode => 0,
        SSL_hostname => 'free.example.com') or die $SSL_ERROR;
    my $stream = VoiceAI::Stream->open(0, socket => $socket,
        Host => 'free.example.com', glued => frame(9, 'early'));
    my $call = 'CA' . ++$calls;
    $stream->text(start_message($call));
    $stream->text(media_message('MZ1', $_)) for 0 .. 9;
    $life % 2 ? $stream->text(stop_message($call))
        : $stream->raw(substr frame(1, 'x' x 1000), 0, $life * 10);
    is(join(' ', ($stream->next)[1], ($stream->closed(2))[0] // ''), 'early 1000',
        'a stream over TLS') if $life == 1;
    CORE::close($socket);
}
ok(wait_for(10, sub { $server->sessions <= 1 }), 'streams over TLS end');

# ---- the access log

{
    my ($stream, $call) = started('free');
    $stream->text(media_message('MZ1', $_)) for 0 .. 9;
    sleep 0.2;
    $stream->text(stop_message($call));
    $stream->closed;
    $stream->close;
    ok(wait_for(5, sub { $server->access($call) }), 'a stream is logged');
    like($server->access($call), qr/\[MZ$call\]\ \[\]\ turns=0\ .*
        duration=0\.[1-9]\d\d\ .*in=[1-9]\d{3}\ .*\[the\ caller\ hung\ up\]
        \ \[101\]/x, 'with what there is to say');

    $stream = stream('free');
    $stream->raw(frame(2, ''));
    $stream->closed;
    $stream->close;
    ok(wait_for(5, sub { VoiceAI::slurp($server->dir . '/access.log')
        =~ /\[messages must be text\]/ }), 'one that never began has its reason');
}

# ---- turns

# Says something as fast as the socket takes it, and is silent then.
sub say
{
    my ($stream) = @_;
    my $speech = recorded('vm-goodbye') . "\xff" x 8000;
    my $number = 0;
    $stream->text(media_message('MZ1', $number++, $_))
        for unpack '(a160)*', $speech;
}

{
    my ($stream, $call) = started('talking');
    say($stream);
    ok($server->wait_log("call $call caller spoke, 15 characters"),
        'a recorded voice is a turn');
    $stream->reset;
    ok(wait_for(5, sub { $server->access($call) }), 'a broken stream is logged');
    like($server->access($call), qr/ turns=1 .*\[the (connection broke|peer went)\]/,
        'with what it was');

    ($stream, $call) = started('free');
    say($stream);
    is(join(' ', $stream->closed), '1000 Twilio is to speak',
        'without a voice each answer closes the stream');
    $stream->close;
    my (undef, $twiml) = $server->get("/voice/continue?CallSid=$call",
        Host => 'free.example.com');
    like($twiml, qr{<Say voice="Polly.Amy" language="en-GB">[^<]+</Say><Connect>},
        'and Twilio speaks, with the voice that is told');
    (undef, $twiml) = $server->get("/voice/continue?CallSid=$call",
        Host => 'free.example.com');
    unlike($twiml, qr/<Say/, 'once');
}

# ---- and at the end

ok($server->wait_log('the peer does not read', 15), 'the deaf one was dropped');
$deaf->close;
ok(wait_for(10, sub { $server->sessions == 0 }), 'no session is left');
ok(wait_for(10, sub { $server->connections == 0 }), 'no connection is left')
    or diag($server->connections);
$server->stop;

done_testing;
