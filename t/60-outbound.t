# Calls that we make: the request of a program, Twilio's REST API and what may
# go wrong with it, and the webhooks that follow, with four workers.

use strict;
use warnings;

use lib 't/lib';
use HTTP::Tiny;
use IO::Socket::INET;
use JSON::PP qw(decode_json encode_json);
use MIME::Base64 qw(encode_base64);
use Test::More;
use Time::HiRes qw(sleep time);
use VoiceAI;
use VoiceAI::Http;
use VoiceAI::Server;
use VoiceAI::Stream;
use VoiceAI::Twiml;

my $dir = scratch();
my $account = 'AC' . '0' x 32;
my $secret = 'hush-token-4711';
my $key = 'key-of-ours-12';

# Starts a script that tells its port, and returns that.
sub started
{
    my ($name, @command) = @_;
    start_process({ log => "$dir/$name" }, 'node', project_root() . "/t/@{[shift @command]}",
        @command);
    wait_for(20, sub { VoiceAI::slurp("$dir/$name") =~ /"port":(\d+)/ })
        or die "$name did not start: ", VoiceAI::slurp("$dir/$name");
    return VoiceAI::slurp("$dir/$name") =~ /"port":(\d+)/ ? $1 : 0;
}

my $twilio = started('twilio', 'oracle/twilio_rest.js', '--token', $secret);
my $engines = started('engines', 'media/engines.js');
my $mute = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1') or die;
my $nobody = free_port();

my %hosts = (
    voice => 'voiceai_greeting "The usual greeting.";',
    hangup => 'voiceai_answering_machine hangup;',
    message => 'voiceai_answering_machine message; voiceai_greeting Usual;',
    poor => '',
    bare => '',
    wrong => 'voiceai_twilio_auth_token another;',
    mute => 'voiceai_twilio_api_url http://127.0.0.1:' . $mute->sockport . ';',
    dead => "voiceai_twilio_api_url http://127.0.0.1:$nobody/2010-04-01/;",
    signed => 'voiceai_signature on;',
);
my $once = ' reuseport';
my $servers = '';
for my $name (sort keys %hosts) {
    $hosts{$name} .= ' voiceai_twilio_number +15550100001;' if $name ne 'poor';
    $hosts{$name} .= " voiceai_twilio_account_sid $account;" if $name ne 'bare';
    $servers .= <<"END";
    server {
        listen 127.0.0.1:%%PORT%%$once;
        server_name $name.example.com;
        voiceai on;
        $hosts{$name}
    }
END
    $once = '';
}

my $server = VoiceAI::Server->new(workers => 4, http => <<"END");
    add_header X-Worker \$pid always;
    voiceai_zone calls 4m;
    voiceai_public_url https://voice.example.com;
    voiceai_signature off;
    voiceai_api_key $key;
    voiceai_twilio_auth_token $secret;
    voiceai_twilio_api_url http://127.0.0.1:$twilio/2010-04-01;
    voiceai_stt openai url=http://127.0.0.1:$engines/v1;
    voiceai_llm openai url=http://127.0.0.1:$engines/v1;
    voiceai_tts openai url=http://127.0.0.1:$engines/v1 format=ulaw rate=8000;
$servers
END
my $port = $server->port;
my $http = HTTP::Tiny->new(timeout => 20);

sub api
{
    my ($line, %more) = @_;
    return ask($port, $line, key => $key, %more);
}

sub make_call
{
    my ($json, %more) = @_;
    return api('POST /make-call', json => $json, %more);
}

sub oracle
{
    my ($method, $path, $json) = @_;
    my $answer = $http->request($method, "http://127.0.0.1:$twilio/oracle/$path",
        { content => defined $json ? encode_json($json) : '',
          headers => { 'content-type' => 'application/json' } });
    die "oracle: $answer->{status} $answer->{content}\n" if !$answer->{success};
    return $answer->{content} ? decode_json($answer->{content}) : undef;
}

# What the engines were asked for.
sub asked
{
    my ($path) = @_;
    return grep { ($_->{path} // '') =~ /\Q$path\E$/ }
        map { decode_json($_) } grep { /\}$/ }
        split /\n/, VoiceAI::slurp("$dir/engines");
}

sub error_like
{
    my ($answer, $status, $text, $name) = @_;
    is($answer->{status}, $status, "$name: $status") or diag $answer->{body};
    like($answer->{json}{error} // '', $text, "$name: what it says");
}

# A webhook of Twilio for a call that was asked for.
sub hook
{
    my ($url, $sid, @more) = @_;
    my ($path) = $url =~ m{^https://voice.example.com(/.*)} or die $url;
    my %options = @more;
    my $host = delete $options{host};
    return ask($port, "POST $path", host => $host // 'voice.example.com',
        form => [%{{CallSid => $sid, AccountSid => $account,
            From => '+15550100001', To => '+15550100077',
            Direction => 'outbound-api', CallStatus => 'in-progress', %options}}]);
}

# Opens the stream that TwiML tells of.
sub stream
{
    my ($twiml, $sid, %more) = @_;
    my ($token) = $twiml->{body} =~ /name="token" value="(\w+)"/
        or die "no token: $twiml->{body}\n";
    my $stream = VoiceAI::Stream->open($port, Host => delete $more{host} // 'voice.example.com')
        // die "no handshake\n";
    $stream->text(start_message($sid, undef,
        parameters => encode_json({ token => $token, %more })));
    return $stream;
}

sub until_event
{
    my ($stream, $event, $seconds) = @_;
    while (my ($opcode, $payload) = $stream->next($seconds // 10)) {
        return if $opcode != 1;
        return 1 if $payload =~ /"event":"$event"/;
    }
    return;
}

sub session
{
    my ($sid) = @_;
    return api("GET /session/$sid")->{json};
}

sub no_sessions
{
    my ($name) = @_;
    is(api('GET /sessions')->{json}{count}, 0, "$name: nothing is left");
}

# What takes long begins first.
my $slow_begin = time;
my $slow = send_request($port, 'POST /make-call', host => 'mute.example.com',
    key => $key, json => { to_number => '+15550100002' });

# ---- what is refused before Twilio hears of it

for my $case (
    ['', qr/no JSON/], ['{', qr/no JSON/], ['[]', qr/must be a JSON object/],
    ['{}', qr/to_number is missing/],
    [{ to_number => 7 }, qr/to_number must be a string/],
    [{ to_number => '5550100' }, qr/E\.164/],
    [{ to_number => '+0555010000' }, qr/E\.164/],
    [{ to_number => '+1234567890123456' }, qr/E\.164/],
    [{ to_number => "+1555010000\n" }, qr/E\.164/],
    [{ to_number => '+15550100002', from_number => 'sip:a@b' }, qr/from_number.*E\.164/],
    [{ to_number => '+15550100002', colour => 'red' }, qr/unknown key "colour"/],
    [{ to_number => '+15550100002', "\x01\"<" => 1 }, qr/unknown key/],
    [{ to_number => '+15550100002', mode => 'fax' }, qr/mode must be/],
    [{ to_number => '+15550100002', record => 'yes' }, qr/record must be/],
    [{ to_number => '+15550100002', machine_detection => 'maybe' },
        qr/machine_detection must be/],
    [{ to_number => '+15550100002', parameters => 'a=b' }, qr/parameters must be/],
    [{ to_number => '+15550100002', parameters => { a => 1 } }, qr/"a" of parameters/],
    [{ to_number => '+15550100002', parameters => { token => 'mine' } }, qr/"token"/],
    [{ to_number => '+15550100002', parameters => { map { $_ => 'x' x 400 } 'a' .. 'g' } },
        qr/over 2048/],
    [{ to_number => '+15550100002', initial_message => 'x' x 1025 }, qr/longer than 1024/],
    [{ to_number => '+15550100002', prompt => 'x' x 4097 }, qr/longer than 4096/],
    ['{"to_number":"+15550100002","to_number":"+15550100003"}', qr/stands twice/],
    ['"' . 'x' x 70000 . '"', qr/too large/],
) {
    my ($json, $text) = @$case;
    error_like(make_call($json), 400, $text,
        'refused: ' . substr ref $json ? encode_json($json) : $json, 0, 60);
}
error_like(make_call({ to_number => '+15550100002' }, host => 'poor.example.com'),
    400, qr/"from_number" is needed/, 'no number to call from');
error_like(make_call({ to_number => '+15550100002' }, host => 'bare.example.com'),
    503, qr/no Twilio account/, 'no account');
is(scalar @{oracle('GET', 'requests')}, 0, 'Twilio heard of none');

# ---- a call

my $begin = time;
my $made = make_call({ to_number => '+15550100077' });
my $sid = $made->{json}{call_sid};
is($made->{status}, 200, 'a call is made');
like($sid, qr/^CA[0-9a-f]{32}$/, 'its CallSid');
is_deeply($made->{json}, { success => JSON::PP::true, call_sid => $sid,
    status => 'queued', to => '+15550100077', from => '+15550100001' }, 'the answer');
my ($request) = @{oracle('GET', 'requests')};
my $form = $request->{form};
is_deeply($request->{errors}, [], 'a request that fits the description');
is($request->{user}, $account, 'with the account');
my ($id) = $form->{Url} =~ m{^https://voice\.example\.com/voice/outbound\?id=([0-9a-f]{32})$};
ok(defined $id, 'where Twilio is to ask');
is_deeply($form, {
    To => '+15550100077', From => '+15550100001', Method => 'POST',
    Url => "https://voice.example.com/voice/outbound?id=$id",
    StatusCallback => "https://voice.example.com/call-status?id=$id",
    StatusCallbackMethod => 'POST',
    StatusCallbackEvent => [qw(initiated ringing answered completed)],
}, 'and nothing else');
my $session = session($sid);
is_deeply([@$session{qw(state status direction to from)}],
    ['announced', 'queued', 'outbound-api', '+15550100077', '+15550100001'],
    'it is a session');
is(join(' ', map { $_->{call_sid} } @{api('GET /sessions')->{json}{sessions}}
    ), $sid, 'the only one') or diag explain api('GET /sessions')->{json};
is(api('GET /session/pending:' . $id)->{status}, 404, 'and known by its CallSid only');

# ---- its status, in order

my $status_url = $form->{StatusCallback};
my $n = 0;
for my $status (qw(initiated ringing in-progress)) {
    my $answer = hook($status_url, $sid, CallStatus => $status, SequenceNumber => $n++);
    is($answer->{status}, 200, "$status is taken");
    is(session($sid)->{status}, $status, 'and told') ;
}
my ($faults, $text) = read_twiml(hook($status_url, $sid, CallStatus => 'in-progress',
    SequenceNumber => 2)->{body});
is("$faults$text", '', 'repeated; the answer is a document without a word');
hook($status_url, $sid, CallStatus => 'ringing', SequenceNumber => 1);
is(session($sid)->{status}, 'in-progress', 'no way back');
hook($status_url, $sid, CallStatus => 'nonsense', SequenceNumber => 'x');
is(session($sid)->{status}, 'in-progress', 'no status of Twilio');
hook($status_url, $sid, CallStatus => 'completed', SequenceNumber => 3);
is(session($sid)->{status}, 'completed', 'completed');
is(session($sid)->{state}, 'ended', 'and ended');
hook($status_url, $sid, CallStatus => $_, SequenceNumber => 4) for qw(ringing failed);
is(session($sid)->{status}, 'completed', 'for good');
no_sessions('completed');

is(hook('https://voice.example.com/call-status', 'CAunknown', CallStatus => 'ringing')
    ->{status}, 200, 'the status of a call that nobody knows');
is(api('GET /session/CAunknown')->{status}, 404, 'which stays unknown');

$sid = make_call({ to_number => 'sip:desk@example.com' })->{json}{call_sid};
hook($status_url =~ s/id=.*/id=@{['f' x 32]}/r, $sid, CallStatus => $_->[0],
    SequenceNumber => $_->[1])
    for ['completed', 3], ['initiated', 0], ['in-progress', 2];
is(session($sid)->{status}, 'completed', 'the last before the first');
$sid = make_call({ to_number => 'client:ann', from_number => '+15550100005' })
    ->{json}{call_sid};
hook($status_url, $sid, CallStatus => 'busy', SequenceNumber => 2);
is(session($sid)->{state}, 'ended', 'busy');
is((oracle('GET', 'requests'))->[-1]{form}{From}, '+15550100005', 'from another number');

# ---- a call with everything

my %all = (initial_message => "It's \"us\" & <them>, \x{263A}.", prompt => 'You sell tea.',
    voice => 'Polly.Emma', record => JSON::PP::true, machine_detection => JSON::PP::true,
    parameters => { order => 'a b&c', colour => 'red' });
$sid = make_call({ to_number => '+15550100077', %all })->{json}{call_sid};
$request = (oracle('GET', 'requests'))->[-1];
is_deeply($request->{errors}, [], 'a request with everything fits too');
is_deeply([@{$request->{form}}{qw(Record MachineDetection AsyncAmd)}],
    ['true', 'Enable', 'true'], 'recording and detection');
like($request->{form}{AsyncAmdStatusCallback}, qr{/call-status\?id=}, 'in the background');

my $twiml = hook($request->{form}{Url}, $sid);
($faults, $text) = read_twiml($twiml->{body});
is($faults, '', 'TwiML that Twilio takes');
like($text, qr/^Connect\n  Stream .*\n    Parameter name=token.*\nRedirect/, 'connects');
is_deeply(session($sid)->{parameters}, $all{parameters}, 'parameters before the stream');
my $stream = stream($twiml, $sid, colour => 'blue', size => 'L');
ok(until_event($stream, 'media'), 'it speaks');
my ($spoken) = grep { $_->{body}{input} =~ /us/ } asked('/audio/speech');
like($spoken->{body}{input}, qr/^It's "us" & /, 'its own words, made speakable');
is($spoken->{body}{voice}, 'Polly.Emma', 'in its own voice');
is_deeply(session($sid)->{parameters},
    { order => 'a b&c', colour => 'blue', size => 'L' },
    'parameters of request and stream');
hook($request->{form}{AsyncAmdStatusCallback}, $sid, AnsweredBy => 'human');
is(session($sid)->{answered_by}, 'human', 'who answered');
is(session($sid)->{state}, 'streaming', 'and it goes on');
hook($request->{form}{AsyncAmdStatusCallback}, $sid, AnsweredBy => 'machine_start');
is(session($sid)->{answered_by}, 'machine_start', 'a machine');
sleep 0.3;
is(session($sid)->{state}, 'streaming', 'it goes on by default');
$stream->text(stop_message($sid));
$stream->close;
hook($request->{form}{StatusCallback}, $sid, CallStatus => 'completed', SequenceNumber => 9);

$sid = make_call({ to_number => '+15550100077', %all, mode => 'gather' })->{json}{call_sid};
$request = (oracle('GET', 'requests'))->[-1];
($faults, $text) = read_twiml(hook($request->{form}{Url}, $sid)->{body});
is($faults, '', 'TwiML of a call by Gather');
like($text, qr/^Gather .*\n  Say .*voice=Polly.Emma It's "us" & <them>/, 'its words');
($faults, $text) = read_twiml(ask($port, 'POST /voice/process-speech', form =>
    [CallSid => $sid, SpeechResult => 'Hello there', Confidence => '0.9'])->{body});
like($text, qr/Say .*voice=Polly.Emma You said: Hello there/, 'its voice goes on');
my ($thought) = asked('/chat/completions');
is($thought->{body}{messages}[0]{content}, 'You sell tea.', 'its prompt');
hook($request->{form}{StatusCallback}, $sid, CallStatus => 'completed', SequenceNumber => 9);

# ---- Twilio calls back before it answers

oracle('PUT', 'fault', { fault => 'slow', ms => 900, times => 1 });
oracle('DELETE', 'requests');
my $waiting = send_request($port, 'POST /make-call', key => $key,
    json => { to_number => '+15550100088', initial_message => 'Early bird.' });
wait_for(5, sub { @{oracle('GET', 'requests')} });
($request) = @{oracle('GET', 'requests')};
($sid) = map { $_->{sid} } grep { $_->{to} eq '+15550100088' } @{oracle('GET', 'calls')};
is(api('GET /sessions')->{json}{count}, 0, 'no session before Twilio knows it');
hook($request->{form}{StatusCallback}, $sid, CallStatus => 'ringing', SequenceNumber => 1);
is(session($sid)->{status}, 'ringing', 'a status before the answer');
$twiml = hook($request->{form}{Url}, $sid);
$stream = stream($twiml, $sid);
ok(until_event($stream, 'media'), 'a stream before the answer');
ok(!IO::Select->new($waiting)->can_read(0), 'which is still to come');
$made = answer($waiting);
is($made->{json}{call_sid}, $sid, 'the answer');
is((grep { $_->{body}{input} eq 'Early bird.' } asked('/audio/speech')), 1,
    'with the words that were asked for');
is(session($sid)->{state}, 'streaming', 'and nothing is disturbed');
is(session($sid)->{status}, 'ringing', 'nor set back');
is(api('GET /sessions')->{json}{count}, 1, 'one session');
$stream->text(stop_message($sid));
$stream->close;
hook($request->{form}{StatusCallback}, $sid, CallStatus => 'completed', SequenceNumber => 3);

# ---- what Twilio may answer

for my $case (
    [{ status => 401 }, 502, qr/Authenticate/, 20003],
    [{ status => 403 }, 502, qr/Forbidden/, 20403],
    [{ status => 404 }, 404, qr/not found/, 20404],
    [{ status => 400, code => 21211, message => "Invalid 'To' \"number\"" }, 400,
        qr/Invalid 'To' "number"/, 21211],
    [{ status => 429, retry_after => 60 }, 429, qr/Too Many/, 20429],
    [{ status => 500 }, 502, qr/Internal Server Error/, 20500],
    [{ fault => 'page' }, 502, qr/502/],
    [{ fault => 'empty' }, 502, qr/503/],
    [{ fault => 'torn' }, 502, qr/no call/],
    [{ fault => 'flood' }, 502, qr/./],
    [{ fault => 'cut' }, 502, qr/./],
    [{ fault => 'half' }, 502, qr/./],
) {
    my ($fault, $status, $message, $code) = @$case;
    my $name = $fault->{fault} // "Twilio's $fault->{status}";
    oracle('PUT', 'fault', { %$fault, times => 1 });
    my $answer = make_call({ to_number => '+15550100002' });
    oracle('DELETE', 'fault');
    error_like($answer, $status, $message, $name);
    is($answer->{json}{code}, $code, "$name: its code");
    is($answer->{json}{more_info}, "https://www.twilio.com/docs/errors/$code",
        "$name: where to read on") if $code;
    no_sessions($name);
}
error_like(make_call({ to_number => '+15550100002' }, host => 'wrong.example.com'),
    502, qr/./, 'the wrong token');
error_like(make_call({ to_number => '+15550100002' }, host => 'dead.example.com'),
    502, qr/./, 'nobody there');
no_sessions('nobody there');

oracle('DELETE', 'requests');
oracle('PUT', 'fault', { status => 429, retry_after => 1, times => 1 });
$begin = time;
$made = make_call({ to_number => '+15550100002' });
is($made->{status}, 200, 'after a 429 it is tried again');
cmp_ok(time - $begin, '>=', 1, 'not before Twilio allows it');
cmp_ok(time - $begin, '<', 4, 'nor much later');
is_deeply([map { $_->{status} } @{oracle('GET', 'requests')}], [429, 201], 'once');
hook($status_url, $made->{json}{call_sid}, CallStatus => 'completed', SequenceNumber => 3);

oracle('PUT', 'fault', { fault => 'slow', ms => 900, times => 1 });
$waiting = send_request($port, 'POST /make-call', key => $key,
    json => { to_number => '+15550100066' });
sleep 0.2;
$server->signal('HUP');
$made = answer($waiting);
is($made->{status}, 200, 'a reload while Twilio thinks');
hook($status_url, $made->{json}{call_sid}, CallStatus => 'completed', SequenceNumber => 3);

# A program that goes in the middle takes nothing down with it.
oracle('PUT', 'fault', { fault => 'slow', ms => 500, times => 1 });
close send_request($port, 'POST /make-call', key => $key,
    json => { to_number => '+15550100099' });
sleep 0.8;
is(api('GET /sessions')->{status}, 200, 'a program that goes');

# ---- a machine answers

# Makes a call with detection, up to its stream.
sub detected
{
    my ($policy) = @_;
    my $host = "$policy.example.com";
    my $sid = make_call({ to_number => '+15550100077', machine_detection => 'enable',
        initial_message => "For the $policy." }, host => $host)->{json}{call_sid};
    my $form = (oracle('GET', 'requests'))->[-1]{form};
    my $stream = stream(hook($form->{Url}, $sid, host => $host), $sid, host => $host);
    until_event($stream, 'media') or die 'no greeting';
    my $verdict = sub {
        return hook($form->{AsyncAmdStatusCallback}, $sid, AnsweredBy => $_[0],
            CallStatus => 'in-progress', host => $host)->{status};
    };
    return ($sid, $stream, $verdict, $form);
}

($sid, $stream, my $verdict, $form) = detected('hangup');
is($form->{MachineDetection}, 'Enable', 'a machine is to be told at once');
is($verdict->('human'), 200, 'a human');
is($verdict->('unknown'), 200, 'or who knows');
sleep 0.3;
is(session($sid)->{state}, 'streaming', 'goes on');
is($verdict->('machine_start'), 200, 'a machine');
is(($stream->closed)[0], 1000, 'its stream is closed');
is((read_twiml(hook('https://voice.example.com/voice/continue', $sid)->{body}))[1],
    "Hangup\n", 'and it is hung up');
is((read_twiml(hook($form->{Url}, 'CAsync', AnsweredBy => 'machine_start',
    host => 'hangup.example.com')->{body}))[1], "Hangup\n", 'the verdict in the webhook');
like((read_twiml(hook($form->{Url}, 'CAsync', AnsweredBy => 'human',
    host => 'hangup.example.com')->{body}))[1], qr/^Connect/, 'which is a human');

($sid, $stream, $verdict, $form) = detected('message');
is($form->{MachineDetection}, 'DetectMessageEnd', 'a machine is to be told after its beep');
my $said = sub { scalar grep { $_->{body}{input} eq 'For the message.' } asked('/audio/speech') };
$verdict->('machine_start');
sleep 0.3;
is(session($sid)->{state}, 'streaming', 'before the beep nothing happens');
1 while defined(($stream->next(0.7))[0]);
$verdict->('machine_end_beep');
ok(until_event($stream, 'media', 5), 'the message is spoken after the beep');
is(($stream->closed)[0], 1000, 'then it is over');
is((read_twiml(hook('https://voice.example.com/voice/continue', $sid)->{body}))[1],
    "Hangup\n", 'and hung up');

# ---- signatures

my $url = 'https://voice.example.com/voice/outbound?id=' . 'a' x 32;
my (undef, $signature) = run_command('node', project_root() . '/t/oracle/sign.js', 'sign',
    '--token', $secret, '--url', $url, '--form', form_text(CallSid => 'CAsigned'));
chomp $signature;
for my $case ([$signature, 200], ['AAAA', 403]) {
    is(ask($port, 'POST /voice/outbound?id=' . 'a' x 32, host => 'signed.example.com',
        form => [CallSid => 'CAsigned'], headers => { 'X-Twilio-Signature' => $case->[0] })
        ->{status}, $case->[1], 'the signature of a webhook with an id');
}
is(ask($port, "POST $_", host => 'signed.example.com', form => [CallSid => 'CAsigned'])
    ->{status}, 403, "$_ without") for '/call-status', '/voice/process-speech';

# ---- nobody answers us

my $late = answer($slow, 20);
error_like($late, 504, qr/./, 'Twilio does not answer');
cmp_ok(time - $slow_begin, '<', 40, 'in a bounded time');
is((grep { $_->{direction} eq 'outbound-api' && !$_->{call_sid} }
    @{api('GET /sessions')->{json}{sessions}}), 0, 'and nothing is left');

my $log = $server->log . VoiceAI::slurp($server->dir . '/access.log')
    . VoiceAI::slurp($server->dir . '/nginx.log');
unlike($log, qr/\Q$secret\E/, 'the token is in no log');
unlike($log, qr/\Q@{[encode_base64("$account:$secret", '')]}\E/, 'nor in another form');
unlike($log, qr/\Q$key\E/, 'nor is the key');
$server->stop(qr/a call could not be made|is not a human/);
done_testing();
