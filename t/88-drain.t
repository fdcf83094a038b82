# Machines that are drained, and what load balancers are told of a machine.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use Time::HiRes qw(sleep time);
use VoiceAI;
use VoiceAI::Fleet;
use VoiceAI::Http;
use VoiceAI::Server;
use VoiceAI::Stream;

my $fleet = VoiceAI::Fleet->new;
$fleet->machine($_) for 'a', 'b';
my $machine = $fleet->{machine};

sub health
{
    my ($port, %more) = @_;
    return ask($port, 'GET /health', %more);
}

# Whether the page comes to say that, with such a state of a component.
sub becomes
{
    my ($port, $status, $said, $part, $state) = @_;
    my ($answer, $ok);
    $ok = wait_for(15, sub {
        $answer = health($port);
        return $answer->{status} == $status
            && ($answer->{json}{status} // '') eq $said
            && (!$part || $answer->{json}{components}{$part}{state} eq $state);
    });
    diag("$answer->{status} $answer->{body}") if !$ok;
    return $ok;
}

sub drain
{
    my ($on, %options) = @_;
    return $fleet->api($on, 'POST /drain', json => \%options);
}

sub elsewhere
{
    my ($on, $yes) = @_;
    return wait_for(15, sub {
        !$yes == !$fleet->api($on, 'GET /drain')->{json}{elsewhere}
    });
}

# Whether the call goes on at that machine, with its history and in silence.
sub goes_on
{
    my ($call, $first, $second, $name) = @_;
    my @before = $fleet->conversation($first, $call);
    my $again = $fleet->hook($second, '/voice/continue', $call);
    like($again->{body}, qr/<Response><Connect><Stream /, "$name: connected again");
    my $stream = $fleet->stream_of($second, $call, $again);
    ok($machine->{$second}->wait_log("call $call stream \\S+ started"),
        "$name: by another machine");
    ok(!until_event($stream, 'media', 1.2), "$name: without a greeting");
    like($before[0], qr/machine $first/, "$name: what was said");
    is_deeply([$fleet->conversation($second, $call)], \@before, "$name: is known");
    return $stream;
}

my ($true, $false) = (JSON::PP::true, JSON::PP::false);
ok($fleet->known(2), 'two machines');

# ---- what everybody is told, and who has the key

my $port = $machine->{a}->port;
ok(becomes($port, 200, 'ok', 'redis', 'ok'), 'a machine that is well');
my $told = health($port);
is_deeply($told->{json}{components}, { zone => { state => 'ok' },
    call_log => { state => 'off' }, redis => { state => 'ok' },
    twilio => { state => 'unknown' }, recogniser => { state => 'ok' },
    model => { state => 'ok' }, voice => { state => 'ok' } },
    'states are for everybody');
is($told->{json}{draining}, $false, 'it takes calls');
like($told->{head}, qr/^Cache-Control: no-store/mi, 'nobody keeps it');
$told = health($port, key => $fleet->{key})->{json}{components};
is($told->{zone}{name}, 'calls', 'with the key it tells more');
cmp_ok($told->{zone}{slots}, '>', 100, 'of the zone');
like($told->{voice}{engines}[0]{name}, qr/^openai at 127/, 'and the engines');
is(health($port, key => 'wrong')->{json}{components}{zone}{slots}, undef,
    'not with another key');
is(ask($port, 'HEAD /health')->{status}, 200, 'HEAD');
is(ask($port, 'POST /health')->{status}, 405, 'not POST');
is(ask($port, 'GET /')->{json}{components}, undef, '/ is what it was');

# ---- a machine that is drained

is(ask($port, "$_ /drain")->{status}, 401, "$_ needs the key")
    for 'GET', 'POST', 'DELETE';
is($fleet->api('a', 'PUT /drain')->{status}, 405, 'PUT is nothing');
is($fleet->api('a', 'POST /drain', json => $_)->{status}, 400, "nor is $_")
    for '{', '{"drain":1}', '{"hand_over":"yes"}';
is($fleet->api('a', 'GET /drain')->{json}{draining}, $false, 'all as it was');

my ($kept, $still) = $fleet->call('a', 'a');
ok($fleet->said('a', $kept, 'machine a'), 'a call');
is($fleet->api('a', 'POST /drain')->{json}{draining}, $true, 'the machine is drained');
ok(becomes($port, 503, 'draining'), 'load balancers are told at once');
is(health($port)->{json}{components}{zone}{state}, 'ok', 'though it is well');
is(ask($port, 'GET /')->{status}, 200, '/ is what it was');
like($fleet->hook('a', '/voice/incoming', 'CAlate')->{body}, qr/<Stream /,
    'a caller who comes all the same is served');
is($fleet->api('a', 'POST /make-call', json => { to_number => '+15550100003' })
    ->{status}, 503, 'it makes no calls');
like($fleet->api('a', 'GET /metrics')->{body},
    qr/^voiceai_draining\{zone="calls"\} 1$/m, 'the metrics say so');
sleep 1.5;
is($fleet->state_of('a', $kept), 'streaming', 'and the call stays');
is($fleet->api('a', 'DELETE /drain')->{json}{draining}, $false, 'no more');
ok(becomes($port, 200, 'ok'), 'and load balancers may come');
drain('a', drain => $true);
is(drain('a', drain => $false)->{json}{draining}, $false, 'or so');

# ---- and hands its calls over

ok(elsewhere('a', 1), 'another machine is known');
my @calls = map { [$fleet->call('a', 'a')] } 1 .. 2;
ok($fleet->said('a', $_->[0], 'machine a'), 'a call more') for @calls;
$told = drain('a', hand_over => $true)->{json};
is($told->{hand_over}, $true, 'calls are to be handed over');
is($told->{elsewhere}, $true, 'and can be');
for my $one ([$kept, $still], @calls) {
    my ($code, $reason) = $one->[1]->closed;
    is($code, 1000, 'a stream is closed');
    like($reason, qr/another machine/, 'because the call moves');
}
ok(wait_for(5, sub { $fleet->api('a', 'GET /drain')->{json}{streams} == 0 }),
    'none is left');
my $moved = goes_on($kept, 'a', 'b', 'handed over');
goes_on($calls[0][0], 'a', 'b', 'another one')->close;

my $again = $fleet->stream_of('a', $calls[1][0],
    $fleet->hook('a', '/voice/continue', $calls[1][0]));
ok($machine->{a}->wait_log("(?s:call $calls[1][0] stream \\S+ started.*){2}"),
    'who comes back all the same');
sleep 2;
is($fleet->state_of('a', $calls[1][0]), 'streaming', 'stays');

ok(elsewhere('b', 0), 'the last machine knows that it is the last');
drain('b', hand_over => $true);
sleep 2;
is($fleet->state_of('b', $kept), 'streaming', 'so nothing is handed over');
$fleet->api('a', 'DELETE /drain');
is(($moved->closed)[0], 1000, 'until another one takes calls again');
$fleet->api('b', 'DELETE /drain');
$moved = $fleet->stream_of('b', $kept,
    $fleet->hook('b', '/voice/continue', $kept));
ok($machine->{b}->wait_log("(?s:call $kept stream \\S+ started.*){2}"),
    'it comes back');

# ---- what was handed over is not the heir's

for my $n (1 .. 6) {
    my $dead = sprintf '%016x', $n;
    $fleet->ask_redis('SADD', "voiceai:calls:calls:$dead", $kept);
    $fleet->ask_redis('SADD', 'voiceai:machines:calls', $dead);
}
ok(wait_for(20, sub { $fleet->ask_redis('SCARD', 'voiceai:machines:calls')
    =~ /^2$/m }), 'six that died are forgotten');
sleep 2;
is($fleet->state_of($_, $kept), 'streaming', "a call they had once stays, knows $_")
    for 'a', 'b';
is(scalar(grep { $_->{path} =~ /$kept/ } @{$fleet->{twilio}->requests}), 0,
    'and Twilio is not asked for it');

# ---- a machine that is told to quit

$fleet->machine('c', 'voiceai_drain 1s;');
ok($fleet->known(3), 'a third machine');
my ($leaving, $stream) = $fleet->call('c', 'c');
ok($fleet->said('c', $leaving, 'machine c'), 'a call of a machine');
ok(elsewhere('c', 1), 'that is not alone');
$machine->{c}->signal('QUIT');
is(($stream->closed)[0], 1000, 'after voiceai_drain it goes');
my $hook = $fleet->hook('a', '/voice/continue', $leaving);
like($hook->{body}, qr/<Response><Connect><Stream /, 'to another one');
$stream = $fleet->stream_of('a', $leaving, $hook);
ok(!until_event($stream, 'media', 1.2), 'which greets nobody');
like(($fleet->conversation('a', $leaving))[0], qr/machine c/, 'and knows it all');

# ---- Twilio, and Redis

is($fleet->api('b', 'POST /make-call', json => { to_number => '+15550100003' })
    ->{status}, 200, 'Twilio is asked for a call');
$port = $machine->{b}->port;
ok(becomes($port, 200, 'ok', 'twilio', 'ok'), 'and is known to be there');
is(health($port, key => $fleet->{key})->{json}{components}{twilio}{http}, 201,
    'because it answered');
stop_process($fleet->{redis}, 'KILL');
ok(becomes($port, 200, 'degraded', 'redis', 'away'), 'Redis may be away');
like(health($port)->{json}{message}, qr/redis away/, 'which is told');

$_->close for $still, $moved, $again, $stream, map { $_->[1] } @calls;
$machine->{$_}->stop(qr/Redis at|is dead|was lost|voice failed/) for 'a', 'b';
$machine->{c}->stop(qr/Redis at|is dead|was lost|voice failed/);

# ---- no place, no database, no voice, no Twilio

my ($nowhere, $key) = (free_port(), 'open-sesame-88');
my $small = VoiceAI::Server->new(workers => 2, http => <<"END");
    voiceai_zone calls 64k;
    voiceai_api_key $key;
    voiceai_signature off;
    voiceai_public_url https://voice.example.com;
    voiceai_twilio_account_sid AC1;
    voiceai_twilio_auth_token secret;
    voiceai_twilio_number +15550100002;
    voiceai_twilio_api_url http://127.0.0.1:$nowhere;
    voiceai_call_log postgresql://127.0.0.1:$nowhere/calls
        journal=%%DIR%%/journal;
    voiceai_greeting "Hello.";
    voiceai_tts openai url=http://127.0.0.1:$nowhere/v1 max_fails=1 fail_timeout=3s;
    server { listen 127.0.0.1:%%PORT%%; voiceai on; }
    server {
        listen 127.0.0.1:%%PORT%%;
        server_name named.example.com;
        location = /up { voiceai_health; }
        location = /leave { voiceai_drain_machine; }
    }
END
$port = $small->port;
is(health($port)->{json}{status}, 'ok', 'nothing has been asked for');
is(ask($port, 'POST /drain', key => $key, json => { hand_over => $true })->{status},
    409, 'alone there is nobody to hand over to');

sub hooked
{
    my ($path, $call, @form) = @_;
    return ask($port, "POST $path", form => [CallSid => $call, From => '+1',
        Direction => 'inbound', @form])->{body};
}

my $n = 0;
$n++ while hooked('/voice/incoming', "CA$n") =~ /<Stream / && $n < 99;
ok($n > 0 && $n < 99, 'a zone is filled');
ok(becomes($port, 503, 'unavailable', 'zone', 'full'), 'which is told');
hooked('/call-status', 'CA0', CallStatus => 'completed');
ok(becomes($port, 200, 'degraded', 'call_log', 'away'),
    'there is a place again, and no database');
hooked('/call-status', 'CA1', CallStatus => 'completed');

hooked('/voice/incoming', 'CAvoice') =~ /name="token" value="(\w+)"/ or die;
$stream = VoiceAI::Stream->open($port);
$stream->text(start_message('CAvoice', undef, parameters => qq({"token":"$1"})));
ok(becomes($port, 503, 'unavailable', 'voice', 'away'), 'a voice that is left alone');
cmp_ok(health($port, key => $key)->{json}{components}{voice}{engines}[0]{alone_ms},
    '<=', 60000, 'for a while');
$stream->close;
hooked('/call-status', 'CAvoice', CallStatus => 'completed');
ok(becomes($port, 200, 'degraded', 'voice', 'ok'), 'and then is tried again');

ask($port, 'POST /make-call', key => $key, json => { to_number => '+15550100003' });
ok(becomes($port, 200, 'degraded', 'twilio', 'away'), 'a Twilio that is not there');

my @named = (host => 'named.example.com');
is(ask($port, 'GET /up', @named)->{json}{draining}, $false, 'at another place');
is(ask($port, 'POST /leave', @named, key => $key)->{json}{draining}, $true,
    'as the other one');
is(ask($port, 'GET /up', @named)->{status}, 503, 'with the same effect');
my ($master) = $small->{pid};
my %old = map { $_ => 1 } $small->workers;
$small->signal('HUP');
ok(wait_for(15, sub { !grep { $old{$_} } $small->workers }), 'a reload');
is(health($port)->{status}, 503, 'does not forget it');
is(ask($port, 'DELETE /leave', @named, key => $key)->{status}, 200, 'but the operator');

$small->stop(qr/is full|database is away|voice failed|left alone|Twilio|connect|refused/);

done_testing();
