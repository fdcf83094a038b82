# Two machines behind a plain load balancer that share their calls through
# Redis: whichever of them a request reaches, it knows the call.

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

my $dir = scratch();
my $fleet = VoiceAI::Fleet->new;
my $twilio = $fleet->{twilio};
$fleet->machine($_) for 'a', 'b';
my $machine = $fleet->{machine};
my $begin;

ok($fleet->known(2), 'both machines are known');

# ---- one call, two machines

my ($call, $stream) = $fleet->call('a', 'b');
ok(until_event($stream, 'media'), 'announced here, streamed there');

for my $on ('a', 'b') {
    my @all = $fleet->sessions($on);
    is(scalar @all, 1, "$on lists it once");
    is($all[0]{call_sid}, $call, 'by its name');
    is($all[0]{state}, 'streaming', 'as it is');
    is($all[0]{from}, '+15550100001', 'with its numbers');
    is($all[0]{remote} ? 'remote' : 'here', $on eq 'b' ? 'here' : 'remote',
        'and knows where it is');
    is($fleet->api($on, "GET /session/$call")->{json}{call_sid}, $call,
        "$on shows it");
}

is($fleet->hook('a', '/call-status', $call, CallStatus => 'in-progress',
    SequenceNumber => 2)->{status}, 200, 'a status for the other machine');
is($fleet->api('b', "GET /session/$call")->{json}{status}, 'in-progress',
    'is known to the owner');

ok($fleet->said('a', $call, 'machine b'), 'what was said is known elsewhere');
is($fleet->api('a', "POST /calls/$call/say", json => { text => 'One more thing. ' x 9 })
    ->{status}, 200, 'a command from the other machine');
ok(until_event($stream, 'media'), 'is spoken');
$begin = time;
is($fleet->api('a', "POST /interrupt-call/$call")->{status}, 200, 'another one');
ok(until_event($stream, 'clear'), 'is carried out');
note sprintf 'in %.0f ms', 1000 * (time - $begin);

is($fleet->api('a', "POST /calls/$call/hangup")->{status}, 200, 'hanging up');
is(($stream->closed)[0], 1000, 'closes the stream');
like($fleet->hook('a', '/voice/continue', $call)->{body}, qr/<Hangup\/>/,
    'and the other machine knows that it is over');
ok(wait_for(10, sub { $fleet->state_of('b', $call) eq 'ended' }), 'as the owner does');
is($fleet->api('a', "POST /calls/$call/hangup")->{status}, 409, 'ended is ended');

# ---- a stream that broke off is connected again elsewhere

($call, $stream) = $fleet->call('b', 'a');
ok(until_event($stream, 'media'), 'a second call');
ok($fleet->said('b', $call, 'machine a'), 'has a history');
close $stream->socket;
my $again = $fleet->hook('b', '/voice/continue', $call);
like($again->{body}, qr/<Stream /, 'is connected again');
$stream = $fleet->stream_of('b', $call, $again);
ok(until_event($stream, 'media'), 'by another machine');
like($fleet->api('b', "GET /session/$call")->{json}{conversation}[0]{text},
    qr/machine a/, 'which has the history');

# ---- what nobody can have written

for my $field ('status', 'answered_by', 'phase', 'state') {
    my $odd = "CAodd$field";
    $fleet->ask_redis('HSET', "voiceai:call:calls:$odd", 'sid', $odd, 'format', 1,
        'state', 1, $field, 999);
    is($fleet->api('a', "GET /session/$odd")->{status}, 404,
        "a record with a $field that there is not is not read");
}
$fleet->ask_redis('HSET', 'voiceai:call:calls:CAodd', 'sid', 'CAodd', 'format', 1, 'state',
    1, 'params', 'a name without an end');
is($fleet->api('a', 'GET /session/CAodd')->{status}, 404, 'nor one whose parameters run on');

# ---- Redis hangs, and is back

kill 'STOP', $fleet->{redis};
$begin = time;
my ($alone, $lonely) = $fleet->call('a', 'a');
ok(until_event($lonely, 'media'), 'a call while Redis hangs');
cmp_ok(time - $begin, '<', 5, 'is hardly slowed');
ok($fleet->said('a', $alone, 'machine a'), 'and goes on');
ok($machine->{a}->wait_log('Redis at \S+ is away: it does not answer', 10),
    'the log says so');
$begin = time;
is(scalar(grep { $_->{call_sid} eq $alone } $fleet->sessions('a')), 1,
    'the machine goes on alone');
cmp_ok(time - $begin, '<', 2, 'at once');
ok(wait_for(5, sub {
    $fleet->api('a', 'GET /metrics')->{body} =~ /^voiceai_redis_up 0$/m
}), 'the metrics say so');
kill 'CONT', $fleet->{redis};
ok($machine->{a}->wait_log('Redis at \S+ is there again', 15), 'it is back');
ok(wait_for(10, sub {
    $fleet->api('a', 'GET /metrics')->{body} =~ /^voiceai_redis_up 1$/m
}), 'in the metrics too');
ok(wait_for(15, sub { $fleet->state_of('b', $alone) eq 'streaming' }),
    'and others learn what was missed');

# ---- Redis is restarted, and has forgotten everything

stop_process($fleet->{redis}, 'KILL');
$fleet->start_redis;
ok(wait_for(20, sub { $fleet->ask_redis('SCARD', 'voiceai:calls:calls:'
    . ($fleet->ask_redis('SMEMBERS', 'voiceai:machines:calls') =~ /(\w{16})/ ? $1 : ''))
    =~ /^[1-9]/ }), 'records come back to an empty Redis');
ok(wait_for(15, sub { $fleet->state_of('b', $alone) eq 'streaming'
    && $fleet->state_of('a', $call) eq 'streaming' }), 'of both machines');
is($fleet->api('b', "POST /interrupt-call/$alone")->{status}, 200,
    'commands find their way again');

# ---- a machine dies with its call

my @dead = ($machine->{a}{pid}, $machine->{a}->workers);
sleep 8.5;    # after Redis was away nobody is dead for some seconds
kill 'KILL', @dead;
ok(wait_for(40, sub { grep { $_->{path} =~ /$alone/ } @{$twilio->requests} }),
    'Twilio is asked to connect its call again');
my $resumed = $fleet->hook('b', '/voice/continue', $alone);
like($resumed->{body}, qr/<Stream /, 'which comes to the other machine');
my $back = $fleet->stream_of('b', $alone, $resumed);
ok(until_event($back, 'media'), 'and goes on there');
like($fleet->api('b', "GET /session/$alone")->{json}{conversation}[0]{text} // '',
    qr/machine a/, 'with its history');
is(scalar(grep { $_->{path} =~ /$alone/ } @{$twilio->requests}), 1,
    'Twilio was asked once');
is_deeply([map { @{$_->{errors}} } @{$twilio->requests}], [],
    'by requests as it wants them');
unlike($machine->{b}->log . VoiceAI::slurp("$fleet->{dir}/redis.log"), qr/\Q$fleet->{password}\E/,
    'the password is in no log');

# ---- over TLS, to the first address that takes what is written

for my $name ('ca', 'stranger') {
    is((run_command('openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes',
        '-days', '2', '-subj', '/CN=localhost', '-addext',
        'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout',
        "$dir/$name.key", '-out', "$dir/$name.pem"))[0], 0, "a $name");
}
my ($secret_port, $copy_port) = (free_port(), free_port());
my $secret = start_process({ log => "$dir/secret.log" }, 'redis-server',
    '--port', 0, '--tls-port', $secret_port, '--bind', '127.0.0.1', '--save',
    '', '--tls-cert-file', "$dir/ca.pem", '--tls-key-file', "$dir/ca.key",
    '--tls-ca-cert-file', "$dir/ca.pem", '--tls-auth-clients', 'no',
    '--dir', $dir);
my $copy = start_process({ log => "$dir/copy.log" }, 'redis-server',
    '--port', 0, '--tls-port', $copy_port, '--bind', '127.0.0.1', '--save', '',
    '--replicaof', '127.0.0.1', free_port(),
    '--tls-cert-file', "$dir/ca.pem", '--tls-key-file', "$dir/ca.key",
    '--tls-ca-cert-file', "$dir/ca.pem", '--tls-auth-clients', 'no',
    '--dir', $dir);
wait_port($_, 20) for $secret_port, $copy_port;

sub secret_machine
{
    my ($ca) = @_;
    return VoiceAI::Server->new(workers => 1, http => <<"END");
    voiceai_redis rediss://localhost:$copy_port,localhost:$secret_port/1
        ca=$dir/$ca.pem prefix=$ca;
    voiceai_zone secret 1m;
    voiceai_signature off;
    voiceai_public_url https://voice.example.com;
    server { listen 127.0.0.1:%%PORT%%; voiceai on; }
END
}
my $trusting = secret_machine('ca');
ok(wait_for(20, sub {
    (run_command('redis-cli', '--tls', '--cacert', "$dir/ca.pem", '-h',
        'localhost', '-p', $secret_port, '-n', 1, 'SCARD',
        'ca:machines:secret'))[1] =~ /^1/
}), 'a machine talks to Redis over TLS') or diag($trusting->log);
my $doubting = secret_machine('stranger');
ok($doubting->wait_log('Redis at \S+ is away: .*certificate', 10),
    'and not to one whose certificate it does not trust');
$trusting->stop(qr/Redis at/);
$doubting->stop(qr/Redis at|SSL_do_handshake/);

close $_->socket for $back, $stream;
$machine->{b}->stop(qr/Redis at|is dead|was lost|voice failed/);

done_testing();
