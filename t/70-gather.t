# A conversation without a stream: Twilio recognises and speaks, and each of its
# requests may reach another of four workers.

use strict;
use warnings;

use lib 't/lib';
use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes qw(sleep time);
use VoiceAI;
use VoiceAI::Http;
use VoiceAI::Server;
use VoiceAI::Twiml;

my $dir = scratch();
my $base = 'https://voice.example.com';

start_process({ log => "$dir/engines" }, 'node', project_root() . '/t/media/engines.js');
wait_for(20, sub { VoiceAI::slurp("$dir/engines") =~ /"port":(\d+)/ }) or die 'no engines';
my ($engines) = VoiceAI::slurp("$dir/engines") =~ /"port":(\d+)/;

my %hosts = (
    voice => 'voiceai_greeting "Hello, who is there?";',
    plain => 'voiceai_llm builtin;',
    rich => <<'END',
        voiceai_greeting "Guten Tag & \"willkommen\"."; voiceai_voice Polly.Vicki;
        voiceai_language de-DE; voiceai_gather_input "dtmf speech";
        voiceai_speech_timeout 3; voiceai_speech_model phone_call;
        voiceai_hints "Tee, Kaffee & Kuchen"; voiceai_barge_in off;
        voiceai_min_confidence 0.75; voiceai_reask "Wie bitte?";
        voiceai_farewell "Auf Wiedersehen."; voiceai_apology "Es tut mir leid.";
        voiceai_filler "Moment.";
END
);
my $once = ' reuseport';
my $servers = '';
for my $name (sort keys %hosts) {
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
    voiceai_zone calls 2m;
    voiceai_public_url $base;
    voiceai_signature off;
    voiceai_api_key off;
    voiceai_mode gather;
    voiceai_answer_timeout 500ms;
    voiceai_llm openai url=http://127.0.0.1:$engines/v1;
    voiceai_prompt "You are brief.";
$servers
END
my $port = $server->port;
my $gather = "Gather action=$base/voice/process-speech actionOnEmptyResult=true"
    . ' bargeIn=true input=speech speechTimeout=auto';
my ($calls, %workers, $last) = (0);

# Sends a webhook, to another worker than the one before; returns what the TwiML
# says, which has to be such as Twilio takes, and the seconds that it took.
sub hook
{
    my ($path, $call, %fields) = @_;
    my $host = delete $fields{host} // 'voice';
    my $socket = connect_worker($port, sub { !defined $last || $_[0] != $last });
    my $begin = time;
    my $answer = ask($port, "POST $path", host => "$host.example.com", socket => $socket,
        form => [CallSid => $call, From => '+15550100001', To => '+15550100002', %fields]);
    my $took = time - $begin;

    $workers{$last = $answer->{worker}}++;
    is($answer->{status}, 200, "$path is answered");
    is($answer->{type}, 'text/xml; charset=utf-8', 'with XML');
    my ($faults, $text) = read_twiml($answer->{body});
    is($faults, '', 'TwiML that Twilio takes');
    return ($text, $took);
}

sub says
{
    my ($call, %fields) = @_;
    my ($text) = hook('/voice/process-speech', $call, %fields);
    return $text;
}

sub begins
{
    my (%fields) = @_;
    my $call = sprintf 'CA%032d', ++$calls;
    my ($text) = hook('/voice/incoming', $call, %fields);
    return ($call, $text);
}

sub session
{
    my ($call) = @_;
    return ask($port, "GET /session/$call")->{json};
}

# ---- a whole conversation

my ($call, $text) = begins();
is($text, "$gather\n  Say Hello, who is there?\n", 'the greeting, and an ear');
($text) = hook('/voice/incoming', $call);
is($text, "$gather\n  Say Hello, who is there?\n", 'the same when it is asked for again');
is(says($call, SpeechResult => 'It is Ann.', Confidence => '0.53'),
    "$gather\n  Say You said: It is Ann.\n", 'an answer');
my $session = session($call);
is_deeply($session->{conversation}, [
    { role => 'assistant', text => 'Hello, who is there?' },
    { role => 'user', text => 'It is Ann.', confidence => 0.53 },
    { role => 'assistant', text => 'You said: It is Ann.' },
], 'the conversation so far');
is($session->{mode}, 'gather', 'its mode');
is($session->{turns}, 1, 'one turn');
is($session->{state}, 'announced', 'without a stream');

like(says($call, SpeechResult => 'mumble', Confidence => '0.29'),
    qr/^  Say Sorry, I did not catch that/m, 'low confidence: asks again');
is(session($call)->{turns}, 1, 'which is no turn');
like(says($call, SpeechResult => 'And now?', Confidence => '0.30'),
    qr/^  Say You said: And now\?$/m, 'just enough');
for my $none ('-1', 'nan', 'x', '0', '-1e300') {
    like(says($call, SpeechResult => 'no figure', Confidence => $none),
        qr/^  Say Sorry/m, "a confidence of $none");
    says($call, SpeechResult => 'Good.', Confidence => '0.99');
}
is(says($call, SpeechResult => 'Good.'), "$gather\n  Say You said: Good.\n", 'no confidence told');
like(says($call, SpeechResult => 'Sure', Confidence => $_),
    qr/^  Say You said: Sure$/m, "a confidence of $_") for '1.0', '7', 'inf';
is(session($call)->{conversation}[-2]{confidence}, 1, 'is no more than sure');

my @asked = map { decode_json($_) } grep { /chat/ } split /\n/, VoiceAI::slurp("$dir/engines");
is_deeply($asked[1]{body}{messages}, [
    { role => 'system', content => 'You are brief.' },
    { role => 'assistant', content => 'Hello, who is there?' },
    { role => 'user', content => 'It is Ann.' },
    { role => 'assistant', content => 'You said: It is Ann.' },
    { role => 'user', content => 'And now?' },
], 'the model has it all');

like(says($call, Digits => '42#', SpeechResult => ''), qr/^  Say You said: 42#$/m, 'digits');
like(says($call, SpeechResult => 'odd'), qr/^  Say a < b & "c"/m,
    'characters that XML makes difficult');
my $odd = "\x{1F600} <b>&amp; \"it's\" ]]>";
utf8::encode(my $odd_bytes = $odd);
like(says($call, SpeechResult => $odd), qr/^  Say You said: \Q$odd_bytes\E$/m, 'from the caller too');
like(says($call, SpeechResult => 'long'), qr/^  Say word word/m, 'a long answer');
like(says($call, SpeechResult => 'x' x 10000), qr/^  Say You said: x/m, 'a long turn');
ok(@{session($call)->{conversation}}, 'the conversation is kept within its room');

is(says($call, SpeechResult => 'Thank you, goodbye.', Confidence => '0.9'),
    "Say You said: Thank you, goodbye.\nHangup\n", 'goodbye');
is(session($call)->{state}, 'ended', 'and over');
is(scalar keys %workers, 4, 'by all workers') or diag explain \%workers;

# ---- nothing heard

($call) = begins();
like(says($call), qr/^  Say Sorry/m, 'nothing heard');
like(says($call, SpeechResult => ''), qr/^  Say Sorry/m, 'nothing heard again');
is(says($call), "Say Goodbye.\nHangup\n", 'then farewell');
is(session($call)->{state}, 'ended', 'and over');

($call) = begins();
says($call) for 1 .. 2;
like(says($call, SpeechResult => 'I am here'), qr/You said/, 'something heard after all');
like(says($call), qr/^  Say Sorry/m, 'counts from the beginning') for 1 .. 2;

# ---- its own texts and options

($call, $text) = begins(host => 'rich');
is($text, "Gather action=$base/voice/process-speech actionOnEmptyResult=true bargeIn=false"
    . ' hints=Tee,Kaffee & Kuchen input=dtmf speech language=de-DE speechModel=phone_call'
    . " speechTimeout=3\n  Say language=de-DE voice=Polly.Vicki Guten Tag & \"willkommen\".\n",
    'all options');
my $says = qr/^ *Say language=de-DE voice=Polly\.Vicki/m;
like(says($call, SpeechResult => 'Tee', Confidence => '0.74', host => 'rich'),
    qr/$says Wie bitte\?$/m, 'its own question');
like(says($call, SpeechResult => 'fail', Confidence => '0.75', host => 'rich'),
    qr/$says Es tut mir leid\.$/m, 'its own apology');
like(says($call, SpeechResult => 'slow 800', host => 'rich'), qr/$says Moment\.$/m,
    'its own filler');
sleep 0.6;
like(says($call, host => 'rich'), qr/$says Wie bitte\?$/m, 'asks');
like(says($call, host => 'rich'), qr/$says Wie bitte\?$/m, 'and again');
like(says($call, host => 'rich'), qr/$says Auf Wiedersehen\.\nHangup$/m, 'its own farewell');

# ---- a model that is slow, that fails, and that hangs up

($call) = begins();
my $took;
($text, $took) = hook('/voice/process-speech', $call, SpeechResult => 'slow 1300 please');
my $asking = $last;
my $wait = 1;
while ($text =~ /^Redirect/m) {
    is($text, "Say One moment, please.\nRedirect $base/voice/process-speech?wait=$wait\n",
        'a filler, and Twilio comes back');
    cmp_ok($took, '<', 2, 'long before it gives up');
    cmp_ok($took, '>', 0.4, 'not before it makes sense');
    ($text, $took) = hook("/voice/process-speech?wait=$wait", $call);
    last if ++$wait > 6;
}
is($text, "$gather\n  Say You said: slow 1300 please\n", 'then the answer');
cmp_ok($wait, '>', 1, 'which another worker tells');
isnt($last, $asking, 'than the one that asked') if $wait == 2;

($text) = hook('/voice/process-speech', $call, SpeechResult => 'slow 10000');
for my $n (1 .. 5) {
    is($text, "Say One moment, please.\nRedirect $base/voice/process-speech?wait=$n\n",
        "filler $n");
    ($text) = hook("/voice/process-speech?wait=$n", $call);
}
is($text, "$gather\n  Say I am sorry, something went wrong. Please say that again.\n",
    'no caller waits for ever');
is(says($call, SpeechResult => 'So?'), "$gather\n  Say You said: So?\n",
    'and the next turn gets its own answer');
(undef, $took) = hook("/voice/process-speech?wait=$_", $call) for 'x', '-1', '', '9' x 30;

like(says($call, SpeechResult => 'fail'), qr/^  Say I am sorry/m, 'a model that fails');
is(session($call)->{failures}, 1, 'is counted');
like(says($call, SpeechResult => 'Better?'), qr/^  Say You said: Better\?$/m, 'and forgiven');
is(says($call, SpeechResult => 'leave'), "Say Goodbye.\nHangup\n", 'a model that hangs up');
is(session($call)->{failures}, 1, 'did not fail');
is(session($call)->{state}, 'ended', 'and it is over');

($call) = begins();
is(says($call, SpeechResult => 'fail goodbye'), "Say Goodbye.\nHangup\n",
    'a model that fails at the goodbye');

# A reload while the model thinks: the worker that asked stays for its answer.
($call) = begins();
($text) = hook('/voice/process-speech', $call, SpeechResult => 'slow 1200 on');
$server->signal('HUP');
$server->wait_log(qr/gracefully shutting down/);
undef $last;
for my $n (1 .. 6) {
    last if $text !~ /wait=$n$/m;
    ($text) = hook("/voice/process-speech?wait=$n", $call);
}
is($text, "$gather\n  Say You said: slow 1200 on\n", 'a reload takes no answer away');

# A caller that goes while the model thinks.
($call) = begins();
close send_request($port, 'POST /voice/process-speech',
    form => [CallSid => $call, SpeechResult => 'slow 300']);
sleep 0.6;
is(session($call)->{conversation}[-1]{text}, 'You said: slow 300', 'an answer that nobody waits for');

# ---- rules in place of a model

($call, $text) = begins(host => 'plain');
is($text, "$gather\n", 'no greeting');
is_deeply(session($call)->{conversation}, [], 'is none in the conversation');
like(says($call, SpeechResult => 'Hello', host => 'plain'), qr/^  Say Hello, how can I help/m,
    'an answer by rule');
like(says($call, SpeechResult => 'Bye bye', host => 'plain'), qr/^Say Goodbye.*\nHangup$/m,
    'and a goodbye');

# ---- what Twilio would not send

is(ask($port, 'POST /voice/process-speech', form => [SpeechResult => 'a'])->{status}, 400,
    'no CallSid');
is(ask($port, 'DELETE /voice/process-speech')->{status}, 405, 'another method');
like(says('CAstranger', SpeechResult => 'Anybody?'), qr/^  Say You said: Anybody\?$/m,
    'a call that began before we did');
is(session('CAstranger')->{mode}, 'gather', 'is one of ours now');

$server->stop(qr/model failed with status/);
done_testing();
