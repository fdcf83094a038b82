# Sessions to look at, commands to calls, and events, with four workers: what
# one of them has, any other can see and steer.

use strict;
use warnings;

use lib 't/lib';
use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes qw(sleep time);
use VoiceAI;
use VoiceAI::Http;
use VoiceAI::Server;
use VoiceAI::Stream;
use VoiceAI::Twiml;

my $checked = grep { /asan|address/i } `ldd $ENV{TEST_NGINX_BINARY}`;
my $dir = scratch();
my $key = 'open-sesame-27';

# Two minutes of a voice, which is as loud as it is dull.
open my $speech, '>', "$dir/speech" or die;
print $speech "\x90\x10" x (8000 * 60);
close $speech;

my %hosts = (
    voice => "voiceai_api_key $key; voiceai_greeting Hello;",
    unset => '',
    free => 'voiceai_api_key off;',
    named => <<'END',
        voiceai off; voiceai_api_key env:VOICEAI_TEST_KEY;
        location /a/session/ { voiceai_session; }
        location /a/interrupt/ { voiceai_interrupt_call; }
        location /a/calls/ { voiceai_calls; }
        location = /a/list { voiceai_sessions; }
        location = /a/events { voiceai_events; }
END
);
my $once = ' reuseport sndbuf=16k';
my $servers = '';
for my $name (sort keys %hosts) {
    my $on = $name eq 'named' ? '' : 'voiceai on;';
    $servers .= <<"END";
    server {
        listen 127.0.0.1:%%PORT%%$once;
        server_name $name.example.com;
        $on
        $hosts{$name}
    }
END
    $once = '';
}

$ENV{VOICEAI_TEST_KEY} = 'from the environment';
my %options = (workers => 4, main => 'env VOICEAI_TEST_KEY;', http => <<"END");
    add_header X-Worker \$pid always;
    voiceai_zone calls 4m;
    voiceai_public_url https://voice.example.com;
    voiceai_signature off;
    voiceai_idle_timeout 30s;
    voiceai_stt openai url=http://127.0.0.1:%%TLS%%/v1;
    voiceai_tts openai url=http://127.0.0.1:%%TLS%%/v1 format=ulaw rate=8000;

    server {
        listen 127.0.0.1:%%TLS%%;
        access_log off;
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
my $server = VoiceAI::Server->new(%options);
my $port = $server->port;
my $calls = 0;

sub api
{
    my ($line, %more) = @_;
    return ask($port, $line, key => $key, %more);
}

# Opens the stream of a new call; returns it, the call and the two workers.
sub call
{
    my ($worker, %more) = @_;
    my $call = sprintf 'CA%032d', ++$calls;
    my $hook = ask($port, 'POST /voice/incoming', form => [CallSid => $call,
        AccountSid => 'AC1', From => '+15550100001', To => '+15550100002',
        Direction => 'inbound', CallStatus => 'ringing']);
    my ($token) = $hook->{body} =~ /name="token" value="(\w+)"/
        or die "no token: $hook->{body}\n";

    for (1 .. 200) {
        my $stream = VoiceAI::Stream->open($port) // die "no handshake\n";
        my ($pid) = $stream->{answer} =~ /^X-Worker: (\d+)/mi;
        if ($worker && !$worker->($pid, $hook->{worker})) {
            $stream->close;
            next;
        }
        my $parameters = JSON::PP->new->utf8->encode(
            { token => $token, %more });
        $stream->text(start_message($call, undef, parameters => $parameters));
        return ($stream, $call, $pid, $hook->{worker});
    }
    die "no such worker takes the stream\n";
}

# Waits for a message of that event; returns the seconds it took.
sub until_event
{
    my ($stream, $event, $seconds) = @_;
    my $begin = time;
    while (time - $begin < ($seconds // 10)) {
        my ($opcode, $payload) = $stream->next($seconds // 10);
        return if !defined $opcode || $opcode != 1;
        return time - $begin if $payload =~ /"event":"$event"/;
    }
    return;
}

sub error_like
{
    my ($answer, $status, $text, $name) = @_;
    is($answer->{status}, $status, "$name: $status");
    is(ref $answer->{json} eq 'HASH' ? join(' ', sort keys %{$answer->{json}})
        : $answer->{body}, 'error', "$name: the shape of an error");
    like($answer->{json}{error} // '', $text, "$name: what it says");
}

# ---- the key

my @doors = ('GET /sessions', 'GET /session/CA1', 'GET /events',
    'POST /interrupt-call/CA1', 'POST /calls/CA1/hangup', 'POST /calls/CA1/say',
    'POST /calls/CA1/transfer', 'POST /calls/CA1/nonsense', 'POST /make-call');

for my $door (@doors) {
    error_like(ask($port, $door, host => 'unset.example.com', key => $key),
        403, qr/no voiceai_api_key/, "$door, no key configured");
    my $answer = ask($port, $door);
    error_like($answer, 401, qr/missing or wrong/, "$door, no key");
    like($answer->{head}, qr/^WWW-Authenticate: Bearer\r?$/m, "$door tells how");
}
for my $wrong (substr($key, 0, -1), "${key}7", "\u$key", '', ' ', 'x' x 4096) {
    is(ask($port, 'GET /sessions', key => $wrong)->{status}, 401,
        'a wrong key of ' . length($wrong) . ' bytes');
}
for my $header ("Basic $key", "Bearer$key", $key, 'Bearer ', 'bearer') {
    is(ask($port, 'GET /sessions', headers => { Authorization => $header })
        ->{status}, 401, "not the scheme: $header");
}
is(ask($port, 'GET /sessions', headers => { Authorization => "bEARER $key" })
    ->{status}, 200, 'the scheme in any case');
is(api('GET /sessions')->{status}, 200, 'the key');
is(ask($port, 'GET /sessions', host => 'free.example.com')->{status}, 200,
    'a server whose access rules decide');
is(ask($port, 'GET /a/list', host => 'named.example.com',
    key => 'from the environment')->{status}, 200, 'a key of the environment');
is(ask($port, 'GET /a/list', host => 'named.example.com', key => $key)
    ->{status}, 401, 'another server\'s key');

# ---- what is not there, and what cannot be

my %wrong = (
    'POST /sessions' => 'GET', 'DELETE /session/CA1' => 'GET',
    'POST /events' => 'GET', 'GET /interrupt-call/CA1' => 'POST',
    'GET /calls/CA1/hangup' => 'POST', 'PUT /calls/CA1/say' => 'POST',
    'DELETE /calls/CA1/transfer' => 'POST', 'GET /make-call' => 'POST',
);
for my $line (sort keys %wrong) {
    my $answer = api($line);
    error_like($answer, 405, qr/^use $wrong{$line}/, $line);
    like($answer->{head}, qr/^Allow: $wrong{$line}\b/m, "$line: Allow");
}
error_like(api($_), 404, qr/no such call/, $_) for 'GET /session/CA404',
    'GET /session/' . 'C' x 200, 'POST /interrupt-call/CA404',
    'POST /calls/CA404/hangup', 'POST /calls//hangup';
error_like(api('POST /calls/CA404/say', json => { text => 'a' }), 404,
    qr/no such call/, 'say to nobody');
error_like(api('POST /calls/CA404/dance'), 404, qr/no such command/, 'a dance');
is_deeply(api('GET /sessions')->{json}, { sessions => [], count => 0 },
    'no sessions');

# ---- three workers, one call

my ($stream, $call, $owner, $hook) = call(sub { $_[0] != $_[1] },
    colour => 'b"l&ue', empty => '');
my $other = sub { $_[0] != $owner && $_[0] != $hook };

ok(until_event($stream, 'media'), 'the greeting is played');
my $answer = api("GET /session/$call", socket => connect_worker($port, $other));
my $session = $answer->{json};
is($answer->{status}, 200, 'a third worker knows the call');
is($session->{worker}, $owner, 'and who has its socket');
is($session->{call_sid}, $call, 'its CallSid');
is($session->{stream_sid}, "MZ$call", 'its stream');
is($session->{from}, '+15550100001', 'who calls');
is($session->{to}, '+15550100002', 'who is called');
is($session->{direction}, 'inbound', 'its direction');
is($session->{mode}, 'stream', 'its mode');
is($session->{state}, 'streaming', 'its state');
is($session->{phase}, 'speaking', 'its phase');
is($session->{status}, 'ringing', 'its status at Twilio');
ok(abs($session->{started} - time) < 20, 'when it began');
is_deeply($session->{parameters}, { colour => 'b"l&ue', empty => '' },
    'its parameters, without the token');
unlike($answer->{body}, qr/token/, 'no token is told');

my $list = api('GET /sessions', socket => connect_worker($port, $other))->{json};
is($list->{count}, 1, 'one session');
delete $session->{$_} for qw(parameters conversation);
$list->{sessions}[0]{duration} = $session->{duration};
is_deeply($list->{sessions}[0], $session, 'the same in the list');

my @took;
for my $round (1 .. 5) {
    my $socket = connect_worker($port, $other);
    my $begin = time;
    send_request($port, "POST /interrupt-call/$call", key => $key,
        socket => $socket);
    until_event($stream, 'clear', 5);
    push @took, time - $begin;
    my $reply = answer($socket);
    is_deeply($reply->{json}, { success => JSON::PP::true, call_sid => $call },
        'interrupted');
    my ($opcode) = $stream->next(0.3);
    ok(!defined $opcode, 'and silent');
    is(api("POST /calls/$call/say", socket => connect_worker($port, $other),
        json => { text => "Speech number $round." })->{status}, 200, 'told to speak');
    ok(until_event($stream, 'media'), 'which it does');
}
@took = sort { $a <=> $b } @took;
cmp_ok($took[2], '<', $checked ? 0.5 : 0.05, sprintf 'silence %.1f ms after the'
    . ' request (%s)', $took[2] * 1000, join ' ', map { int $_ * 1000 } @took);
my $turns = api("GET /session/$call")->{json};
is($turns->{interruptions}, 5, 'interruptions are counted');

error_like(api("POST /calls/$call/say", json => $_->[0]), 400, $_->[1],
    "say $_->[2]") for
    ['{', qr/not JSON/, 'half an object'],
    ['', qr/not JSON/, 'nothing'],
    ['[]', qr/"text" must/, 'an array'],
    ['{}', qr/"text" must/, 'no text'],
    ['{"text":""}', qr/"text" must/, 'an empty text'],
    ['{"text":7}', qr/"text" must/, 'a number'],
    [{ text => 'x' x 4097 }, qr/"text" must/, 'too much'],
    ['{"text":"' . 'x' x 70000 . '"}', qr/too large/, 'far too much'];
error_like(api("POST /calls/$call/transfer", json => $_), 400, qr/"to" must/,
    "transfer to $_") for '{}', '{"to":"5550100"}', '{"to":"+0155501000"}',
    '{"to":"sip:"}', '{"to":"http://a"}', '{"to":"+1555 0100"}',
    '{"to":"' . '1' x 300 . '"}', '{"to":["+15550100001"]}';
is(api("POST /calls/$call/say", json => { text => "\x{1F600} \"<&" . 'x' x 4000 })
    ->{status}, 200, 'a long text with everything in it');

# ---- hang up

is(api("POST /calls/$call/hangup", socket => connect_worker($port, $other))
    ->{status}, 200, 'told to hang up');
my ($code) = $stream->closed;
is($code, 1000, 'the stream is closed');
$stream->close;
my $after = ask($port, 'POST /voice/continue', form => [CallSid => $call]);
is((read_twiml($after->{body}))[1], "Hangup\n", 'and Twilio hangs up');
wait_for(5, sub { api("GET /session/$call")->{json}{state} eq 'ended' });
error_like(api("POST $_"), 409, qr/has ended/, "$_ of what ended")
    for "/interrupt-call/$call", "/calls/$call/hangup";
error_like(api("POST /calls/$call/say", json => { text => 'a' }), 409,
    qr/has ended/, 'say to what ended');
is(api("GET /session/$call")->{json}{worker}, 0, 'nobody has it');
is(api('GET /sessions')->{json}{count}, 0, 'not among the sessions');
is(api('GET /sessions?ended=1')->{json}{count}, 1, 'unless asked for');

my $announced = sprintf 'CA%032d', ++$calls;
$server->announce($announced);
is(api("GET /session/$announced")->{json}{state}, 'announced', 'no stream yet');
error_like(api("POST /calls/$announced/hangup"), 409, qr/no stream/,
    'hang up without a stream');

# ---- transfer

for my $case (['+15550100009', '    Number +15550100009'],
        ['sip:desk@example.com', '    Sip sip:desk@example.com'],
        ['client:ann', '    Client ann']) {
    my ($to, $noun) = @$case;
    my ($s, $c, $o) = call();
    ok(until_event($s, 'media'), "a call to be transferred to $to");
    is(api("POST /calls/$c/transfer", json => { to => $to },
        socket => connect_worker($port, sub { $_[0] != $o }))->{status}, 200, 'told to transfer');
    is(($s->closed)[0], 1000, 'its stream is closed');
    my ($faults, $twiml) = read_twiml(ask($port, 'POST /voice/continue',
        form => [CallSid => $c])->{body});
    is($faults, '', 'TwiML that Twilio takes');
    my ($dial, $target) = split /\n/, $twiml;
    like($dial, qr{^Dial action=https://voice.example.com/voice/continue}, 'dials');
    is("  $target", $noun, 'the one that was asked for')
        or diag $twiml;

    my ($status) = $to =~ /^\+/ ? 'completed' : 'busy';
    (undef, $twiml) = read_twiml(ask($port, 'POST /voice/continue',
        form => [CallSid => $c, DialCallStatus => $status])->{body});
    if ($status eq 'completed') {
        is($twiml, "Hangup\n", 'over when they have talked');
        is(api("GET /session/$c")->{json}{state}, 'ended', 'and the call too');
    } else {
        like($twiml, qr/^Connect\n  Stream /, 'on with the assistant when busy');
    }
}

# ---- events

my $ws = start_process({ log => "$dir/events" }, 'node',
    project_root() . '/t/media/events.js', '--url', "ws://127.0.0.1:$port/events",
    '--host', 'voice.example.com', '--key', $key);
ok(wait_for(10, sub { VoiceAI::slurp("$dir/events") =~ /"open":true/ }),
    'a WebSocket for events');
my $sse = send_request($port, 'GET /events', key => $key);
my $named = send_request($port, 'GET /a/events', host => 'named.example.com',
    key => 'from the environment');
sleep 1.2;

my %seen;
for (1 .. 60) {
    last if keys %seen == 4;
    my ($s, $c, $o) = call(sub { !$seen{$_[0]} });
    $seen{$o} = $c;
    ok(until_event($s, 'media'), 'a call on another worker');
    $s->close;
}
is(scalar keys %seen, 4, 'calls on all workers');

# Events of the node client, and of a socket.
sub events_of
{
    my ($what) = @_;
    return grep { $_->{event} } map { decode_json($_) } $what eq 'ws'
        ? grep { /^\{.*\}$/ } split /\n/, VoiceAI::slurp("$dir/events")
        : VoiceAI::slurp($what) =~ /^data: (.*)$/mg;
}

for my $worker (sort keys %seen) {
    my $c = $seen{$worker};
    ok(wait_for(5, sub {
        my %names = map { $_->{event} => 1 }
            grep { $_->{call}{call_sid} eq $c } events_of('ws');
        $names{'stream-ended'} && $names{phase};
    }), 'a WebSocket hears of each worker') or diag VoiceAI::slurp("$dir/events");
}
my ($event) = grep { $_->{event} eq 'phase' } events_of('ws');
is(join(' ', sort keys %{$event->{call}}), join(' ', sort keys %$session),
    'an event has what a session has');
ok(abs($event->{time} - time) < 60, 'and its time');
unlike(VoiceAI::slurp("$dir/events"), qr/token/, 'no token in events');

my $text = '';
for my $socket ($sse, $named) {
    my $in = '';
    while (IO::Select->new($socket)->can_read(0.3)) {
        last if !sysread $socket, $in, 65536, length $in;
    }
    $text = $in if $socket == $sse;
    like($in, qr{^HTTP/1\.1 200 .*?^Content-Type: text/event-stream\r$}ms,
        'server-sent events');
    for my $c (values %seen) {
        like($in, qr/^data: \{"event":"stream-ended".*"$c"/m, 'of each worker');
    }
}
ok(!(grep { !eval { decode_json($_) } } $text =~ /^data: (.*)$/mg),
    'each is JSON');
is(ask($port, 'GET /events HTTP/1.0', key => $key)->{status} || 400, 400,
    'a broken request line');
is(ask($port, 'GET /events', headers => { Upgrade => 'websocket' }, key => $key)
    ->{status}, 426, 'half a handshake');

# ---- readers that are slow, that go, and that send rubbish

# Makes n events from status callbacks.
sub storm
{
    my ($n) = @_;
    my $body = form_text(CallSid => $announced, AnsweredBy => 'human');
    my $request = "POST /call-status HTTP/1.1\r\nHost: voice.example.com\r\n"
        . "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: "
        . length($body) . "\r\n";
    while ($n > 0) {
        my $some = $n < 500 ? $n : 500;
        my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
            PeerPort => $port) or die;
        print $socket "$request\r\n$body" for 2 .. $some;
        print $socket "${request}Connection: close\r\n\r\n$body";
        answer($socket, 20);
        $n -= $some;
    }
}

my $slow = VoiceAI::Stream->connect($port, receive => 4096);
$slow->raw("GET /events HTTP/1.1\r\nHost: voice.example.com\r\n"
    . "Authorization: Bearer $key\r\n\r\n");
$slow->answer;
sleep 1.2;
my $reads = IO::Select->new($sse);
for (1 .. 10) {
    storm(500);
    sysread $sse, my $in, 1 << 20 while $reads->can_read(0.05);
    last if $server->log =~ /a reader of events is too slow/;
}
ok($server->wait_log(qr/a reader of events is too slow/), 'a slow reader is dropped');
is(api('GET /sessions')->{status}, 200, 'and nobody else minds');
$slow->close;
storm(1);
ok($reads->can_read(5), 'others go on reading');
close $_ for $sse, $named;

my $rude = VoiceAI::Stream->open($port, target => '/events',
    Authorization => "Bearer $key");
$rude->raw(frame(9, 'here?'));
is(join(' ', $rude->next), '10 here?', 'a ping is answered');
$rude->raw(frame(1, 'a') . frame(1, 'unmasked', mask => undef));
is(($rude->closed)[0], 1002, 'a broken frame ends it');
$rude->close;
$rude = VoiceAI::Stream->open($port, target => '/events',
    Authorization => "Bearer $key");
$rude->reset;
stop_process($ws);
like(VoiceAI::slurp("$dir/events"), qr/\{"code":1000\}\n\z/, 'a goodbye is answered');
ok(wait_for(5, sub {
    6 == (() = VoiceAI::slurp($server->dir . '/access.log')
        =~ m{ \[(?:101|200)\] \[(?:/a)?/events\]$}mg);
}), 'no reader is left') or diag VoiceAI::slurp($server->dir . '/access.log');

# ---- a reload

my ($old, $kept, $before_reload) = call();
ok(until_event($old, 'media'), 'a call before a reload');
my @readers = map { send_request($port, 'GET /events', key => $key) } 1 .. 8;
push @readers, map { VoiceAI::Stream->open($port, target => '/events',
    Authorization => "Bearer $key") } 1 .. 8;
my @workers = $server->workers;
$server->signal('HUP');
ok(wait_for(10, sub {
    my %now = map { $_ => 1 } $server->workers;
    keys %now == 5 && 1 == grep { $now{$_} } @workers;
}), 'readers of events keep no worker') or diag join ' ', $server->workers;
is(join(' ', grep { my $w = $_; grep { $_ == $w } @workers } $server->workers),
    $before_reload, 'a call does');

my $new = send_request($port, 'GET /events', key => $key);
sleep 1.2;
is(api("GET /session/$kept")->{json}{worker}, $before_reload, 'new workers know it');
is(api("POST /interrupt-call/$kept")->{status}, 200, 'and can steer it');
ok(until_event($old, 'clear', 5), 'as is heard');
is(api("POST /calls/$kept/say", json => { text => 'After the reload.' })->{status},
    200, 'it speaks');
ok(until_event($old, 'media'), 'to its caller');
is(api("POST /calls/$kept/hangup")->{status}, 200, 'and hangs up');
is(($old->closed)[0], 1000, 'with a goodbye');
$old->close;
ok(wait_for(10, sub { 4 == $server->workers }), 'then the old worker goes');
my $told = '';
while (IO::Select->new($new)->can_read(0.5)) {
    last if !sysread $new, $told, 65536, length $told;
}
like($told, qr/"event":"stream-ended".*"$kept"/, 'its last event is heard');
close $new;

unlike($server->log, qr/\Q$key\E/, 'the key is not in the log');
$server->stop;
done_testing();
