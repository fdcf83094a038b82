# Zones: full, made larger and smaller while calls go on, and two of them; and
# how much of a conversation a record keeps.

use strict;
use warnings;

use lib 't/lib';
use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes qw(sleep);
use VoiceAI;
use VoiceAI::Http;
use VoiceAI::Server;
use VoiceAI::Stream;
use VoiceAI::Twiml;

my $key = 'open-sesame-27';

sub options
{
    my ($size) = @_;
    return (workers => 4, http => <<"END");
    voiceai_zone small $size;
    voiceai_zone other 256k;
    voiceai_api_key $key;
    voiceai_signature off;
    voiceai_tts off;
    voiceai_idle_timeout 60s;
    voiceai_silence_timeout 0;
    voiceai_stt openai url=http://127.0.0.1:%%TLS%%/v1;
    server {
        listen 127.0.0.1:%%PORT%%;
        server_name voice.example.com;
        voiceai on;
        voiceai_public_url https://voice.example.com;
    }
    server {
        listen 127.0.0.1:%%PORT%%;
        server_name other.example.com;
        voiceai on;
        voiceai_zone other;
        voiceai_mode gather;
        voiceai_public_url https://other.example.com;
        voiceai_busy "Nobody is here.";
    }
END
}

my $server = VoiceAI::Server->new(options('64k'));
my $port = $server->port;

sub body
{
    my ($host, $call, $path, %fields) = @_;
    return ask($port, 'POST ' . ($path // '/voice/incoming'),
        host => "$host.example.com", form => [CallSid => $call, %fields])->{body};
}

sub hook
{
    return (read_twiml(body(@_)))[1];
}

sub api
{
    my ($host, $line) = @_;
    return ask($port, $line, key => $key, host => "$host.example.com");
}

# Announces calls until one is refused; returns how many were not.
sub fill
{
    my ($host, $name) = @_;
    for my $n (1 .. 500) {
        return $n - 1 if body($host, "CA$name$n") !~ /<(?:Connect|Gather)/;
    }
    return 500;
}

# ---- full

my $token = $server->announce('CArunning');
my $stream = VoiceAI::Stream->open($port);
$stream->text(start_message('CArunning', $token));
ok($server->wait_log('call CArunning stream'), 'a call goes on');
my $few = fill('voice', 'a');
cmp_ok($few, '>=', 1, "with $few more its zone is full");
is(hook('voice', 'CAlate'), "Say I am sorry, all our lines are busy."
    . " Please call again later.\nHangup\n", 'the next caller hears an apology');
ok($server->wait_log('call CAlate refused, zone "small" is full'), 'which is logged');
like(hook('voice', 'CAa1'), qr/^Connect/, 'a call that is known is not refused');
$stream->raw(frame(9, 'here?'));
is(join(' ', $stream->next), '10 here?', 'the running call notices nothing');
is(api('voice', 'GET /session/CArunning')->{json}{state}, 'streaming', 'nor its record');

# ---- two zones

like(hook('other', 'CArunning'), qr/^Gather/, 'another zone has room');
is(api('other', 'GET /sessions')->{json}{count}, 1, 'and only its own calls');
is(api('other', 'GET /session/CAa1')->{status}, 404, 'others are not known there');
cmp_ok(fill('other', 'b'), '>', $few, 'it is larger');
is(hook('other', 'CAlate'), "Say Nobody is here.\nHangup\n", 'it is full, too');

# ---- made larger, and smaller again

my %old = map { $_ => 1 } $server->workers;
$server->configure(options('512k'));
$server->signal('HUP');
ok(wait_for(10, sub { 4 == grep { !$old{$_} } $server->workers }), 'a reload with more');
ok($server->wait_log('zone "small" now holds \d+ calls'), 'tells so');
ok(wait_for(10, sub { body('voice', 'CAlate') =~ /<Connect/ }), 'now there is room');
my $more = fill('voice', 'c');
cmp_ok($more, '>', 5 * $few, "for $more more");
my $session = api('voice', 'GET /session/CArunning')->{json};
is($session->{state}, 'streaming', 'the call of before is known');
ok($old{$session->{worker}}, 'and where it was');

%old = map { $_ => 1 } $server->workers;
$server->configure(options('64k'));
$server->signal('HUP');
ok(wait_for(10, sub { 4 == grep { !$old{$_} } $server->workers }), 'a reload with less');
is(api('voice', 'GET /session/CArunning')->{json}{state}, 'streaming',
    'throws nobody out');
is(api('voice', "GET /session/CAc$more")->{json}{state}, 'announced',
    'not even who has no place any more');
is(api('voice', 'POST /calls/CArunning/hangup')->{status}, 200,
    'commands reach the worker of two configurations ago');
is(($stream->closed)[0], 1000, 'which hangs up');
$stream->close;
is(hook('voice', 'CArunning', '/voice/continue'), "Hangup\n", 'as is told to Twilio');
like(body('voice', 'CAnew'), qr/<Connect/, 'the place of who left is given out');
like(body('voice', 'CAnone'), qr/<Say>I am sorry/, 'but no more than that');

# ---- what a record keeps, and events however they are written

hook('other', 'CAb1', '/call-status', CallStatus => 'completed', SequenceNumber => 9);
my $events = send_request($port, 'GET /events', key => $key, host => 'other.example.com');
sleep 1.2;
my $from = "\x01" x 128;
body('other', 'CAtalk', undef, From => $from, To => $from);
for my $n (1 .. 12) {
    body('other', 'CAtalk', '/voice/process-speech', Confidence => 0.25 + $n / 20,
        SpeechResult => "Part $n. " . "\x01\"" x 450);
}
my @said = grep { $_->{role} eq 'user' }
    @{api('other', 'GET /session/CAtalk')->{json}{conversation}};
cmp_ok(scalar @said, '<', 12, 'of a long conversation the oldest turns go');
cmp_ok(scalar @said, '>=', 3, 'and no more than has to');
like($said[-1]{text}, qr/^Part 12\. /, 'the newest stay');
is(length $said[-1]{text}, length('Part 12. ') + 900, 'whole');
cmp_ok(abs($said[-1]{confidence} - 0.85), '<', 0.006, 'with their confidence');

my $told = '';
while (IO::Select->new($events)->can_read(0.5)) {
    last if !sysread $events, $told, 65536, length $told;
}
my @told = map { decode_json($_) } $told =~ /^data: (.*)$/mg;
is(scalar(grep { ($_->{call}{from} // '') eq $from && $_->{last}
    && $_->{last}{text} =~ /^Part 12\. / } @told), 1, 'no event is too large');
close $events;

$server->stop;
done_testing();
