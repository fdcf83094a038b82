# Many calls on four workers: a reload, a new binary, and the death of a worker
# in the middle of them.

use strict;
use warnings;

use lib 't/lib';
use JSON::PP qw(decode_json);
use POSIX qw(WNOHANG);
use Test::More;
use Time::HiRes qw(sleep time);
use VoiceAI;
use VoiceAI::Http;
use VoiceAI::Server;
use VoiceAI::Stream;

my $checked = grep { /asan|address/i } `ldd $ENV{TEST_NGINX_BINARY}`;
my $many = $checked ? 40 : 200;
my $dir = scratch();
my $key = 'open-sesame-27';

# Voices, which are as loud as they are dull: one for the whole of a call, and
# one for a sentence.
for my $voice ([long => 20], [short => 1.5]) {
    open my $out, '>', "$dir/$voice->[0]" or die;
    print $out "\x90\x10" x (4000 * $voice->[1]);
    close $out;
}

my $hosts = join '', map { <<"END" } qw(long short);
    server {
        listen 127.0.0.1:%%PORT%%;
        server_name $_.example.com;
        voiceai on;
        voiceai_public_url https://$_.example.com;
        voiceai_tts openai url=http://127.0.0.1:%%TLS%%/$_ format=ulaw rate=8000;
        voiceai_stt openai url=http://127.0.0.1:%%TLS%%/v1;
    }
END

my $server = VoiceAI::Server->new(workers => 4, daemon => 1, http => <<"END");
    add_header X-Worker \$pid always;
    voiceai_zone calls 8m;
    voiceai_api_key $key;
    voiceai_signature off;
    voiceai_greeting Hello;
    voiceai_silence_threshold 600ms;
    voiceai_idle_timeout 30s;
    server {
        listen 127.0.0.1:%%TLS%%;
        access_log off;
        location = /v1/audio/transcriptions {
            return 200 '{"text":"what can you do"}';
        }
        location ~ ^/(long|short)/audio/speech {
            default_type audio/basic;
            alias $dir/\$1;
            error_page 405 =200 \$uri;
        }
    }
$hosts
END
my $port = $server->port;

sub api
{
    my ($line, %more) = @_;
    return ask($port, $line, key => $key, host => 'long.example.com', %more);
}

sub sessions
{
    return @{api('GET /sessions')->{json}{sessions}};
}

# Begins many calls and returns when all of them stream.
sub load
{
    my ($host, $seconds, @options) = @_;
    my $log = "$dir/load.json";
    my $pid = start_process({ log => $log }, program('voiceai-sim'), 'load',
        "http://127.0.0.1:$port/voice/incoming", '--public-url',
        "https://$host.example.com", '--calls', $many, '--ramp', $many / 2,
        '--seconds', $seconds, '--quiet', '--json', @options);
    ok(wait_for(30, sub { $server->sessions == $many }), "$many calls");
    return { pid => $pid, log => $log };
}

# Waits for the end of that, and tests that no call noticed anything.
sub finish
{
    my ($load, $name) = @_;
    my $status;
    wait_for(60, sub {
        return 0 if waitpid($load->{pid}, WNOHANG) != $load->{pid};
        $status = $?;
        return 1;
    });
    is($status, 0, "$name: the simulator is content");
    my ($json) = VoiceAI::slurp($load->{log}) =~ /^(\{.*\})/m;
    my $report = eval { decode_json($json // '') } // {};
    is($report->{calls_ok}, $many, "$name: every call came to its end")
        or diag VoiceAI::slurp($load->{log});
    is("@{$report->{reasons} // ['none']}", '', "$name: none failed");
    return $report;
}

# ---- a reload

my $load = load('long', 7);
my %share;
$share{$_->{worker}}++ for sessions();
my ($least, $most) = (sort { $a <=> $b } values %share)[0, -1];
is(scalar keys %share, 4, 'every worker has calls');
cmp_ok($most - $least, '<=', $many / 4 / 10 + 1, "and as many: $least to $most");
my @old = $server->workers;
$server->signal('HUP');
ok(wait_for(10, sub { 8 == $server->workers }), 'a reload: there are new workers');
is($server->sessions, $many, 'and the old ones keep their calls');
my $report = finish($load, 'a reload');
is($report->{ended_by_server}, 0, 'a reload ends no stream');
is($report->{underruns}, 0, 'and takes no audio from any');
ok(wait_for(10, sub { 4 == $server->workers }), 'then the old workers go');

# ---- a new binary

$load = load('long', 9);
my $call = (sessions())[0]{call_sid};
my $old = $server->upgrade;
ok(wait_for(10, sub { api('GET /sessions')->{status} == 200 }), 'a new binary serves');
is(scalar(grep { $_->{state} eq 'streaming' } sessions()), $many,
    'and knows the calls of the old one');
ok(VoiceAI::running($old), 'which stays for them');
my %here = map { $_ => 1 } $server->workers;
my $session = api("GET /session/$call")->{json};
ok($session->{worker} && !$here{$session->{worker}},
    'a call of a worker of the old binary');
is(api("POST /interrupt-call/$call")->{status}, 200, 'can be interrupted');
ok(wait_for(5, sub { api("GET /session/$call")->{json}{phase} eq 'listening' }),
    'which is done');
is(api("POST /calls/$call/say", json => { text => 'From the new binary.' })
    ->{status}, 200, 'and told to speak');
ok(wait_for(5, sub { api("GET /session/$call")->{json}{phase} eq 'speaking' }),
    'which it does');

# A stream announced by one binary and opened at the other, and what follows.
my $number = 'CA' . 'b' x 32;
my $token = $server->announce($number, Host => 'long.example.com');
my $stream = VoiceAI::Stream->open($port, Host => 'long.example.com');
$stream->text(start_message($number, $token));
ok($server->wait_log("call $number stream"), 'a new call');
is(api("POST /calls/$number/hangup")->{status}, 200, 'and its end');
is(($stream->closed)[0], 1000, 'with a goodbye');
$stream->close;

$report = finish($load, 'a new binary');
is($report->{ended_by_server}, 0, 'a new binary ends no stream');
is($report->{underruns}, 0, 'and takes no audio from any');
ok(wait_for(10, sub { !VoiceAI::running($old) }), 'the old one goes in the end');
is($server->sessions, 0, 'no session is left');

# ---- a worker dies

$load = load('short', 12, '--reconnect', '--mode', 'talk', '--say', 'Hello there.');
ok(wait_for(20, sub {
    $many == grep { $_->{turns} && $_->{phase} ne 'ended' } sessions();
}), 'everybody has said something');
my ($dead) = map { $_->{worker} } (sessions())[0];
my %before = map { $_->{call_sid} => $_ } grep { $_->{worker} == $dead } sessions();
my %said = map { $_ => api("GET /session/$_")->{json}{conversation} } keys %before;
kill 'KILL', $dead;
ok(wait_for(10, sub {
    keys %before == grep { $before{$_->{call_sid}} && $_->{connections} == 2
        && $_->{state} eq 'streaming' } sessions();
}), scalar(keys %before) . ' calls of a killed worker are connected again');
my ($bad, $sorry) = (0, 0);
for my $sid (keys %before) {
    my $now = api("GET /session/$sid")->{json};
    my @was = map { "$_->{role}: $_->{text}" } @{$said{$sid}};
    my @is = map { "$_->{role}: $_->{text}" } @{$now->{conversation}};
    $bad++ if $now->{worker} == $dead || !@was
        || join("\n", @is[0 .. $#was]) ne join("\n", @was);
}
is($bad, 0, 'elsewhere, with what was said before');
$report = finish($load, 'a worker that died');
is($report->{reconnected}, scalar keys %before, 'each once');
is($report->{answers_missing}, 0, 'and goes on talking');

$server->stop(qr/exited on signal 9|a worker died/);
done_testing();
