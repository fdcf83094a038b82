# How calls leave a worker that is to go: given to another, or with a goodbye.

use strict;
use warnings;

use lib 't/lib';
use JSON::PP qw(decode_json);
use MIME::Base64 qw(decode_base64);
use Test::More;
use Time::HiRes qw(sleep time);
use VoiceAI;
use VoiceAI::Http;
use VoiceAI::Server;
use VoiceAI::Stream;
use VoiceAI::Twiml;

my $dir = scratch();
my $key = 'open-sesame-27';

# A dull and loud voice: so many seconds for whatever is to be said.
my $voice = 0.7;
open my $out, '>', "$dir/speech" or die;
print $out "\x90\x10" x (4000 * $voice);
close $out;

sub server
{
    my ($more) = @_;
    return VoiceAI::Server->new(workers => 2, http => <<"END");
    voiceai_zone calls 2m;
    voiceai_public_url https://voice.example.com;
    voiceai_api_key $key;
    voiceai_signature off;
    voiceai_stream_token off;
    voiceai_greeting Hello;
    voiceai_idle_timeout 60s;
    voiceai_stt openai url=http://127.0.0.1:%%TLS%%/v1;
    $more
    server {
        listen 127.0.0.1:%%TLS%%;
        access_log $dir/voice.log;
        location = /v1/audio/speech {
            default_type audio/basic;
            alias $dir/speech;
            error_page 405 =200 \$uri;
        }
    }
    server {
        listen 127.0.0.1:%%PORT%%;
        server_name voice.example.com;
        voiceai on;
        voiceai_tts openai url=http://127.0.0.1:%%TLS%%/v1 format=ulaw rate=8000;
    }
    server {
        listen 127.0.0.1:%%PORT%%;
        server_name quiet.example.com;
        voiceai on;
        voiceai_tts off;
    }
END
}

my $server;

sub api
{
    my ($line, %more) = @_;
    return ask($server->port, $line, key => $key, %more)->{json};
}

sub stream
{
    my ($call, $host) = @_;
    my $stream = VoiceAI::Stream->open($server->port,
        Host => ($host // 'voice') . '.example.com');
    $stream->text(start_message($call));
    $server->wait_log("call $call stream \\S+ started") or die "no start\n";
    return $stream;
}

# Reads messages until the stream is closed or that many seconds are over, and
# returns what came.  With $answer, marks come back as Twilio sends them: when
# what was sent before was played.
sub hear
{
    my ($stream, $seconds, $answer) = @_;
    my ($begin, $playing, %got) = (time, time, events => [], bytes => 0);
    my @marks;

    while (time - $begin < $seconds) {
        while (@marks && time >= $marks[0][0]) {
            my $mark = shift @marks;
            $stream->text(qq({"event":"mark","sequenceNumber":"2",)
                . qq("streamSid":"MZ","mark":{"name":"$mark->[1]"}}));
        }
        my ($opcode, $payload) = $stream->next(0.02);
        next if !defined $opcode;
        if ($opcode == 8) {
            @got{qw(code reason)} = unpack 'n a*', $payload;
            last;
        }
        last if $opcode != 1;
        my $message = decode_json($payload);
        push @{$got{events}}, $message->{event}
            if !@{$got{events}} || $got{events}[-1] ne $message->{event};
        if ($message->{event} eq 'media') {
            my $n = length decode_base64($message->{media}{payload});
            $playing = time if $playing < time;
            $playing += $n / 8000;
            $got{bytes} += $n;
        } elsif ($message->{event} eq 'clear') {
            $playing = time;
            $_->[0] = 0 for @marks;
        } elsif ($answer) {
            push @marks, [$playing, $message->{mark}{name}];
        }
    }
    $got{took} = time - $begin;
    return \%got;
}

sub phase_is
{
    my ($call, $phase) = @_;
    return wait_for(10, sub { api("GET /session/$call")->{phase} eq $phase });
}

# ---- told to quit while others serve: the call goes to them

$server = server('voiceai_drain 1s;');
my ($still, $busy) = map { stream($_) } 'CAstill', 'CAbusy';
hear($_, 1.5, 1) for $still, $busy;
ok(phase_is('CAstill', 'listening'), 'a call in which nobody speaks');
ask($server->port, 'POST /calls/CAbusy/say', key => $key,
    json => { text => 'This takes a while. One, it is long. Two, it is boring.'
    . ' Three, there is more. Four, not much more. Five, that was it.' });
ok(phase_is('CAbusy', 'speaking'), 'and one in which somebody speaks');
my %old = map { $_ => 1 } $server->workers;
$server->signal('HUP');

my $got = hear($still, 8, 1);
is($got->{code}, 1000, 'after voiceai_drain the stream is closed');
like($got->{reason}, qr/goes to another worker/, 'because the call moves');
cmp_ok($got->{took}, '>', 0.9, 'not before');
cmp_ok($got->{took}, '<', 6, 'nor much later');
is("@{$got->{events}}", '', 'without a word');
$still->close;
my ($faults, $twiml) = read_twiml(ask($server->port, 'POST /voice/continue',
    form => [CallSid => 'CAstill'])->{body});
like($twiml, qr/^Connect\n  Stream /, 'Twilio is to connect it again, no apology');
$still = VoiceAI::Stream->open($server->port);
$still->text(start_message('CAstill', undef, stream => 'MZagain'));
$got = hear($still, 1);
is("@{$got->{events}}", '', 'it is not greeted again');
my $session = api('GET /session/CAstill');
ok($session->{worker} && !$old{$session->{worker}}, 'another worker has it');
is($session->{connections}, 2, 'as its second stream');
is(join('|', map { $_->{text} } @{$session->{conversation}}), 'Hello',
    'with what was said before');

is(api('GET /session/CAbusy')->{phase}, 'speaking', 'the other still speaks');
ok($old{api('GET /session/CAbusy')->{worker}}, 'where it was');
$got = hear($busy, 15, 1);
is($got->{code}, 1000, 'when that was heard');
like($got->{reason}, qr/goes to another worker/, 'it moves, too');
like(join(' ', map { $_->{text} } @{api('GET /session/CAbusy')->{conversation}}),
    qr/This takes a while.*that was it/, 'and nothing of it was cut');
$busy->close;
ok(wait_for(10, sub { !grep { $old{$_} } $server->workers }),
    'then the old workers go');

# ---- told to quit, and nobody else is there

my $begin = time;
my $last = stream('CAlast');
hear($last, 1.5, 1);
ok(phase_is('CAlast', 'listening'), 'another call');
$server->signal('QUIT');
$got = hear($last, 12, 1);
is($got->{bytes}, 8000 * $voice, 'it hears a goodbye');
is($got->{code}, 1000, 'and is hung up');
like($got->{reason}, qr/conversation is over/, 'as a call that is over');
cmp_ok($got->{took}, '<', 8, 'soon');
$_->close for $last, $still;
ok(wait_for(10, sub { !$server->running }), 'and the server ends');
$server->stop;

# ---- told to terminate

$server = server('');
my @streams = map { stream("CAend$_") } 1 .. 3;
my $quiet = stream('CAquiet', 'quiet');
hear($_, 0.2, 1) for @streams;
ok(wait_for(10, sub { 4 <= (() = VoiceAI::slurp("$dir/voice.log") =~ /speech/g) }),
    'what may be needed is synthesised ahead');
sleep 0.3;
$begin = time;
$server->signal('TERM');

$got = hear($streams[0], 5, 1);
is(join(' ', @{$got->{events}}[-3 .. -1]), 'clear media mark',
    'told to terminate, the server cuts itself short and says goodbye');
is($got->{code}, 1000, 'and closes when that was heard');
like($got->{reason}, qr/the server ends/, 'telling why');
cmp_ok($got->{took}, '>', 0.9 * $voice, 'which takes its time');
cmp_ok(time - $begin, '<', 1.5, 'within that of the master');

$got = hear($streams[1], 5);
is($got->{code}, 1000, 'a peer that tells nothing is closed all the same');
is((hear($quiet, 5))->{code}, 1000, 'as is one without a voice');
ok(wait_for(10, sub { !$server->running }), 'the server ends');
cmp_ok(time - $begin, '<', 5, 'in time');
unlike($server->log, qr/exited on signal/, 'by itself');
is((() = $server->log =~ /closing with 1000: the server ends/g), 4,
    'and with all its calls');
$_->close for @streams, $quiet;
$server->stop;

done_testing();
