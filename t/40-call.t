# Whole calls: a caller with a voice, the server with two workers, the embedded
# engines, and what may happen to each of them meanwhile.

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

my $dir = scratch();
my $token = '0123456789abcdef';
my $key = 'open-sesame-40';

# The time is asked for; it is told at an hour of which the recogniser is sure.
my (@utc) = gmtime;
my $shift = 10 * 60 + 20 - $utc[2] * 60 - $utc[1];
$ENV{TZ} = sprintf 'TST%s%d:%02d', $shift < 0 ? '+' : '-',
    int(abs($shift) / 60), abs($shift) % 60;

# One to serve, which will be killed, and one that listens for the caller.
my ($engines, $ears) = ("$dir/engines", "$dir/ears");

sub start_engines
{
    my ($socket) = @_;
    unlink $socket;
    my $pid = start_process({ log => "$socket.log" }, program('voiceai-local'),
        '--socket', $socket, '--socket-mode', '666');
    wait_socket($socket, 60) or die "no voiceai-local:\n",
        VoiceAI::slurp("$socket.log");
    return $pid;
}

my $engines_pid = start_engines($engines);
start_engines($ears);

my $settings = <<"END";
    voiceai_zone calls 2m;
    voiceai_twilio_auth_token $token;
    voiceai_api_key $key;
    voiceai_greeting "Hello, how can I help you?";
    voiceai_silence_threshold 600ms;
    voiceai_stt local url=http://unix:$engines:/v1;
    voiceai_tts local url=http://unix:$engines:/v1;
END
my $voice = <<"END";
    server {
        listen 127.0.0.1:%%PORT%%;
        server_name voice.example.com;
        voiceai on;
        voiceai_public_url https://voice.example.com;
        voiceai_parameter colour blue;
    }
END

my $server = VoiceAI::Server->new(workers => 2, http => <<"END");
$settings
$voice
    server {
        listen 127.0.0.1:%%PORT%%;
        server_name quiet.example.com;
        voiceai on;
        voiceai_public_url https://quiet.example.com;
        voiceai_tts off;
    }
    server {
        listen 127.0.0.1:%%PORT%%;
        server_name open.example.com;
        voiceai on;
        voiceai_public_url https://open.example.com;
        voiceai_signature off;
        voiceai_stream_token off;
    }
END

# ---- callers

my $count = 0;

# Places a call that takes these steps, and returns it at once.
sub place
{
    my ($host, @steps) = @_;
    my $call = sprintf 'CA%032x', ++$count;
    my $log = "$dir/$call.json";
    my $pid = start_process({ log => $log }, program('voiceai-sim'), 'call',
        'http://127.0.0.1:' . $server->port . '/voice/incoming',
        '--public-url', "https://$host.example.com", '--auth-token', $token,
        '--stt', "http://unix:$ears:/v1", '--call-sid', $call,
        '--max-time', '60', '--api-key', $key, '--quiet', '--json', @steps);
    return { pid => $pid, call => $call, log => $log };
}

# Waits for its end, tests that it went as told, and returns the report.
sub finish
{
    my ($placed, $name, $exit) = @_;
    my $status;
    wait_for(90, sub {
        return 0 if waitpid($placed->{pid}, WNOHANG) != $placed->{pid};
        $status = $? >> 8;
        return 1;
    });
    is($status, $exit // 0, $name) or diag(VoiceAI::slurp($placed->{log}),
        join "\n", grep { /$placed->{call} / } split /\n/, $server->log);
    my ($json) = VoiceAI::slurp($placed->{log}) =~ /^(\{.*\})/ms;
    return eval { decode_json($json) } // {};
}

# Returns the worker on which a stream of the call began.
sub worker_of
{
    my ($call) = @_;
    my ($pid) = $server->log =~ /(\d+)#\d+: [^\n]* call $call stream \S+ started/;
    return $pid;
}

# Waits until a stream of the call has begun.
sub begun
{
    my ($placed) = @_;
    return $server->wait_log("call $placed->{call} stream \\S+ started", 20);
}

# ---- several at once

my $conversation = place('voice',
    '--expect', 'how can i help you',
    '--say', 'what time is it', '--expect-time',
    '--say', 'what can you do', '--interrupt', '900',
    '--say', 'what day is it today', '--expect', 'today is *',
    '--say', 'thank you goodbye', '--expect', 'goodbye', '--expect-end');
my $recorded = place('voice', '--expect', 'how can i help you',
    '--wav', '/usr/share/asterisk/sounds/en_US_f_Allison/conf-getpin.wav',
    '--wait', '1000', '--hangup');
my $keys = place('voice', '--expect', 'how can i help you', '--dtmf', '12#',
    '--pause', '500', '--hangup');
my $quiet = place('quiet', '--say', 'what time is it', '--expect-time',
    '--say', 'goodbye', '--expect-end');

my $report = finish($keys, 'a caller who presses keys');
my @pressed = $server->log =~ /call $keys->{call} key pressed/g;
is(scalar @pressed, 3, 'each of them is noticed');
is($report->{ended_by}, 'caller', 'and hangs up');

$report = finish($recorded, 'a caller with a recorded human voice');
my ($assistant) = grep { $_->{who} eq 'assistant' && defined $_->{latency_ms} }
    @{$report->{turns}};
cmp_ok($assistant->{latency_ms} // 0, '>=', 500, 'is not interrupted');
cmp_ok($assistant->{latency_ms} // 99999, '<', 8000, 'and answered');
ok($server->log =~ /call $recorded->{call} caller spoke, \d+ characters/,
    'after a turn that had its end');
ok($server->log =~ /call $recorded->{call} assistant[^\n]*silence (?:59|6\d)\d,/,
    'when the silence had been long enough');

$report = finish($quiet, 'a call for which Twilio speaks');
is($report->{ended_by}, 'server', 'ends at goodbye');
ok($server->log =~ /call $quiet->{call} closing with 1000: Twilio is to speak/,
    'after a stream that ended so that it could');
like($server->access($quiet->{call}), qr/turns=1 .*\[the conversation is over\]/,
    'and one in which goodbye was said');

$report = finish($conversation, 'a conversation by sound alone');
is($report->{ended_by}, 'server', 'goodbye ends it');
is($report->{fault_count}, 0, 'every message was as Twilio wants it');
my ($cut) = grep { $_->{interrupted} } @{$report->{turns}};
ok($cut, 'the assistant was interrupted');

# The times of an answer are told with its turn, and by the simulator.
my $told = ask($server->port, "GET /session/$conversation->{call}",
    host => 'voice.example.com', key => $key)->{json}{conversation} // [];
my ($timed) = grep { $_->{role} eq 'assistant' && $_->{latency_ms} } @$told;
my @stages = qw(silence transcript first_text first_clause first_audio
    first_sent first_heard);
is_deeply($report->{server_times}[0], $timed->{latency_ms},
    'the simulator tells what the server tells');
is(join(' ', sort keys %{$timed->{latency_ms} // {}}),
    join(' ', sort @stages), 'an answer has the times of its stages');
cmp_ok($timed->{latency_ms}{first_audio} // 0, '>=',
    $timed->{latency_ms}{first_clause} // 1, 'in their order');
cmp_ok($timed->{latency_ms}{silence} // 0, '>=', 200,
    'from the end of the speech on');
cmp_ok($cut->{stop_ms} // 99999, '<', 1500, 'and stopped soon');
cmp_ok($report->{cleared_ms} // 0, '>', 0, 'what waited was cleared');

ok(wait_for(5, sub { $server->access($conversation->{call}) }),
    'the call is in the access log');
my %logged = $server->access($conversation->{call}) =~ /(\w+)=([\d.]+)/g;
is("@logged{qw(turns interruptions failures)}", '4 1 0', 'with its turns');
cmp_ok(abs($logged{duration} * 1000 - $report->{duration_ms}), '<', 1500,
    'how long it was');
cmp_ok($logged{latency}, '>=', 300, 'how soon it was answered, not before');
cmp_ok($logged{latency}, '<', 5000, 'nor too late');
cmp_ok($logged{in}, '>', 200 * 50 * $logged{duration}, 'bytes received');
cmp_ok($logged{out}, '>', 20000, 'bytes sent');
like($server->access($conversation->{call}),
    qr/^\[$conversation->{call}\] \[$report->{stream_sid}\] \[inbound\] /,
    'and who it was');
like($server->access($conversation->{call}), qr/\[the conversation is over\] \[101\]/,
    'and why it ended');
is($server->sessions, 0, 'no session is left');

# ---- the engines die, the server is reloaded, a caller goes

my $survivor = place('voice', '--expect', 'how can i help you',
    '--say', 'what time is it', '--expect-time', '--pause', '2500',
    '--say', 'what day is it today', '--expect', 'something went wrong',
    '--pause', '5000', '--say', 'what time is it', '--expect-time',
    '--say', 'goodbye', '--expect-end');
ok($server->wait_log("call $survivor->{call} assistant spoke, \\d+ characters, "
    . '\d+ ms after', 30), 'a call that will lose its engines');
kill 'KILL', $engines_pid;
# The first time it was asked ahead, which nobody has to hear of.
ok($server->wait_log("(?s)call $survivor->{call} recogniser failed"
    . ".*call $survivor->{call} recogniser failed", 20),
    'the engines are gone');
waitpid $engines_pid, 0;
start_engines($engines);
finish($survivor, 'the caller hears an apology, and the call goes on');
like($server->access($survivor->{call}), qr/turns=3 .*failures=[1-9]/,
    'the failure is counted');

my $hasty = place('voice', '--say', 'what can you do', '--interrupt', '600',
    '--hangup');
finish($hasty, 'a caller who goes in the middle of a sentence');
ok($server->wait_log("call $hasty->{call} closing with 1000: the caller hung up"),
    'is missed');

my $long = place('voice', '--expect', 'how can i help you', '--pause', '2500',
    '--say', 'what time is it', '--expect-time', '--say', 'goodbye',
    '--expect-end');
begun($long);
my %old = map { $_ => 1 } $server->workers;
$server->signal('HUP');
ok(wait_for(10, sub { 2 == grep { !$old{$_} } $server->workers }),
    'a reload in the middle of a call');
ok(wait_for(5, sub { 1 == grep { $old{$_} } $server->workers }),
    'of the old ones only that of the call stays');
my $next = place('voice', '--expect', 'how can i help you', '--hangup');
begun($next);
ok(!$old{worker_of($next->{call}) // 0}, 'a new worker takes the next call');
finish($next, 'the next call');
finish($long, 'the call of before the reload, with the greeting of its worker');
ok(wait_for(10, sub { !grep { $old{$_} } $server->workers }),
    'then its worker goes, too');

# ---- memory

sub load
{
    my ($calls, $repeat) = @_;
    my ($rc, $out) = run_command(program('voiceai-sim'), 'load',
        'http://127.0.0.1:' . $server->port . '/voice/incoming',
        '--public-url', 'https://voice.example.com', '--auth-token', $token,
        '--calls', $calls, '--repeat-calls', $repeat, '--seconds', '1',
        '--mode', 'talk', '--say', 'hello', '--quiet');
    is($rc, 0, $calls * $repeat . ' calls') or diag($out);
    ok(wait_for(10, sub { $server->sessions == 0 }), 'have ended');
    return $server->memory;
}

my $before = $server->connections;
my $ten = load(5, 2);
my $fifty = load(5, 8);
my $checked = grep { /asan|address/i } `ldd $ENV{TEST_NGINX_BINARY}`;
cmp_ok($fifty - $ten, '<', 2048, "memory stays: $ten, then $fifty KiB")
    if !$checked;
ok(wait_for(10, sub { $server->connections <= $before }), 'no socket is left')
    or diag($server->connections);

# ---- the end of a server

# A graceful end waits for the caller, and takes no other.
{
    my $stream = VoiceAI::Stream->open($server->port, Host => 'open.example.com');
    $stream->text(start_message('CAquit'));
    $server->wait_log('call CAquit stream');
    $server->signal('QUIT');
    ok(wait_for(5, sub { !VoiceAI::Server::connect_to($server->port) }),
        'told to quit, it takes nobody');
    for my $number (0 .. 50) {
        $stream->text(media_message('MZ', $number));
        sleep 0.02;
    }
    ok($server->running, 'but stays for the one it has');
    $stream->raw(frame(9, 'there?'));
    my ($opcode, $payload) = (0, '');
    ($opcode, $payload) = $stream->next while $opcode && $opcode != 10
        || !$opcode;
    is($payload, 'there?', 'who is served');
    $stream->text(stop_message('CAquit'));
    is(($stream->closed)[0], 1000, 'until he goes');
    $stream->close;
    ok(wait_for(10, sub { !$server->running }), 'and then it ends');
}
$server->stop(qr/(?:recogniser|voice) failed with status/);

# A deadline for that: the call is lost, but not the server.
$server = VoiceAI::Server->new(workers => 2,
    main => 'worker_shutdown_timeout 1s;', http => <<"END");
$settings
    server {
        listen 127.0.0.1:%%PORT%%;
        voiceai on;
        voiceai_public_url https://voice.example.com;
        voiceai_signature off;
        voiceai_stream_token off;
    }
END
{
    my $stream = VoiceAI::Stream->open($server->port);
    $stream->text(start_message('CAlate'));
    $server->wait_log('call CAlate stream');
    my %early = map { $_ => 1 } $server->workers;
    my $begin = time;
    $server->signal('HUP');
    is(($stream->closed)[0], 0, 'a deadline for old workers cuts the stream');
    cmp_ok(time - $begin, '<', 5, 'in time');
    $stream->close;
    ok(wait_for(5, sub { !grep { $early{$_} } $server->workers }), 'they go');
    ok(wait_for(5, sub { $server->access('CAlate') }), 'and log the call');
    my (undef, $twiml) = $server->get('/voice/continue?CallSid=CAlate');
    like($twiml, qr/<Stream/, 'which is connected again');
    is($server->sessions, 0, 'none of it is left');
}

# A worker that dies takes its calls with it, and nothing else.
{
    my $stream = VoiceAI::Stream->open($server->port);
    $stream->text(start_message('CAdead'));
    $server->wait_log('call CAdead stream');
    kill 'KILL', worker_of('CAdead');
    is(($stream->closed)[0], 0, 'a worker that is killed drops its stream');
    $stream->close;
    ok(wait_for(10, sub { 2 == $server->workers }), 'there is another');
    my (undef, $twiml) = $server->get('/voice/continue?CallSid=CAdead');
    like($twiml, qr/<Stream/, 'and the call is connected again');
    $stream = VoiceAI::Stream->open($server->port);
    $stream->text(start_message('CAdead', undef, stream => 'MZagain'));
    ok($server->wait_log('call CAdead stream MZagain started, connection 2'),
        'by its new stream');
    $stream->text(stop_message('CAdead'));
    is(($stream->closed)[0], 1000, 'and ends as others do');
    $stream->close;
    is($server->sessions, 0, 'no session is left by the dead');
}
$server->stop(qr/worker process \d+ exited on signal 9/);

done_testing;
