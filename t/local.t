#!/usr/bin/env perl

# voiceai-local by its HTTP interface: what it understands and says, and that
# nothing a client does takes it down.
#
# VOICEAI_LOCAL   the program, if not that of VOICEAI_BUILD or build/release

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP qw(decode_json encode_json);
use Test::More;
use Time::HiRes qw(time sleep);

$SIG{PIPE} = 'IGNORE';
$ENV{TZ} = 'UTC0';

my $here = dirname(abs_path(__FILE__));
my $program = $ENV{VOICEAI_LOCAL}
    || ($ENV{VOICEAI_BUILD} || "$here/../build/release") . '/voiceai-local';
my $dir = tempdir(CLEANUP => 1);
my $socket = "$dir/local.sock";
my %running;

# Starts the program; returns its pid and the addresses it says it serves.
sub start {
    my ($count, @args) = @_;
    pipe(my $out, my $in) or die "pipe: $!";
    my $pid = fork() // die "fork: $!";
    if (!$pid) {
        open STDOUT, '>&', $in or die;
        open STDERR, '>>', "$dir/stderr" or die;
        exec $program, @args or die "exec $program: $!";
    }
    close $in;
    $running{$pid} = 1;
    my @ready;
    local $SIG{ALRM} = sub { die "not ready in time\n" };
    alarm 60;
    while (@ready < $count && defined(my $line = <$out>)) {
        push @ready, $1 if $line =~ /ready on (\S+)/;
    }
    alarm 0;
    return ($pid, @ready);
}

# Ends it; returns its wait status.
sub stop {
    my ($pid, $signal) = @_;
    kill $signal, $pid;
    waitpid $pid, 0;
    delete $running{$pid};
    return $?;
}

END {
    my $rc = $?;
    for (keys %running) {
        kill 'KILL', $_;
        waitpid $_, 0;
    }
    $? = $rc;
}

sub slurp {
    my $file = shift;
    open my $f, '<:raw', $file or return '';
    local $/;
    return scalar <$f> // '';
}

sub spew {
    my ($file, $data) = @_;
    open my $f, '>:raw', $file or die "$file: $!";
    print $f $data;
    close $f;
    return $file;
}

my $serial = 0;
my $tcp;

# curl ARGS... PATH: by TCP and by the unix socket in turns.
sub curl {
    my $path = pop;
    my ($head, $body) = map { "$dir/$_" . ++$serial } 'head', 'body';
    my @to = $serial % 4 ? ("$tcp$path")
        : ('--unix-socket', $socket, "http://local$path");
    system('curl', '-s', '--max-time', 60, '-D', $head, '-o', $body, @_, @to);
    my $h = slurp($head);
    my @status = $h =~ m{^HTTP/1\.1 (\d+)}mg;
    my %answer = (status => $status[-1] // 0, head => $h, body => slurp($body));
    $answer{json} = eval { decode_json($answer{body}) };
    unlink $head, $body;
    return \%answer;
}

sub post {
    my ($path, $data, @more) = @_;
    my $file = spew("$dir/post", ref $data ? encode_json($data) : $data);
    return curl('-H', 'Content-Type: application/json', '--data-binary',
        "\@$file", @more, $path);
}

sub wav {
    my ($data, %o) = @_;
    my ($tag, $rate, $bits, $ch)
        = ($o{tag} // 7, $o{rate} // 8000, $o{bits} // 8, $o{channels} // 1);
    my $claimed = $o{claim} // length $data;
    return 'RIFF' . pack('V', 36 + $claimed) . 'WAVEfmt '
        . pack('VvvVVvv', 16, $tag, $ch, $rate, $rate * $ch * $bits / 8,
            $ch * $bits / 8, $bits)
        . 'data' . pack('V', $claimed) . $data;
}

sub hear {
    my ($wav, @fields) = @_;
    my $file = spew("$dir/heard.wav", $wav);
    return curl('-F', "file=\@$file;type=audio/wav",
        (map { ('-F', $_) } @fields), '/v1/audio/transcriptions');
}

# Speaks as mu-law with a pause before and after, as an utterance has it.
sub say_as {
    my ($voice, $text) = @_;
    my $answer = post('/v1/audio/speech',
        {input => $text, voice => $voice, response_format => 'ulaw'});
    my $pause = "\xff" x 2400;
    return $pause . $answer->{body} . $pause;
}

sub talk {
    my ($said, %more) = @_;
    return post('/v1/chat/completions',
        {model => 'x', messages => [{role => 'user', content => $said}],
            %more});
}

sub is_error {
    my ($answer, $status, $like, $name) = @_;
    my $e = $answer->{json} ? $answer->{json}{error} : undef;
    ok($answer->{status} == $status && ref $e eq 'HASH'
        && $e->{message} =~ $like && $e->{type} && exists $e->{param}
        && exists $e->{code}, $name)
        or diag "$answer->{status} $answer->{body}";
}

sub alive {
    my $name = shift;
    is(curl('/health')->{status}, 200, $name);
}

# Sends bytes as they are; returns the socket.
sub raw {
    my ($data, $path) = @_;
    my $s = $path ? IO::Socket::UNIX->new(Peer => $path)
        : IO::Socket::INET->new(PeerAddr => $tcp =~ s{^http://}{}r);
    die "connect: $!" if !$s;
    $s->autoflush(1);
    print $s $data;
    return $s;
}

sub answer_of {
    my $s = shift;
    local $SIG{ALRM} = sub { die "no answer\n" };
    alarm 30;
    my $all = eval { local $/; <$s> } // '';
    alarm 0;
    return $all;
}

sub speech_request {
    my ($order, $close) = @_;
    my $body = encode_json($order);
    return "POST /v1/audio/speech HTTP/1.1\r\nHost: x\r\n"
        . ($close ? "Connection: close\r\n" : '')
        . 'Content-Length: ' . length($body) . "\r\n\r\n$body";
}

# --- options

is(system("$program --help >$dir/help 2>&1"), 0, '--help');
like(slurp("$dir/help"), qr/--socket PATH.*--max-body/s, 'which tells options');
is(system("$program --version >$dir/version"), 0, '--version');
like(slurp("$dir/version"), qr/^voiceai-local \d/, 'which tells the version');
for my $wrong ([], ['--socket'], ['--nonsense'], ['--listen', '127.0.0.1:0', 'x'],
    ['--listen', '127.0.0.1:0', '--decoders', '0'],
    ['--listen', '127.0.0.1:0', '--threads', '-1'],
    ['--listen', '127.0.0.1:0', '--queue', '1x'],
    ['--listen', '127.0.0.1:0', '--max-body', '99999999999999999999'],
    ['--socket', $socket, '--socket-mode', '999'])
{
    my $rc = system("timeout 30 $program @$wrong >$dir/out 2>&1");
    is($rc >> 8, 2, "refused: \"@$wrong\"");
}
for my $bad (['--listen', '0.0.0.0:0'], ['--listen', 'nowhere'],
    ['--listen', '[::]:0'], ['--socket', "$dir/" . 'x' x 200],
    ['--socket', $socket, '--voice', 'alloy'],
    ['--socket', $socket, '--grammar-dir', "$dir/none"],
    ['--socket', $socket, '--dict', "$dir/none"],
    ['--socket', $socket, '--mllr', "$dir/none"],
    ['--socket', $socket, '--model-dir', "$dir/none"])
{
    my $rc = system("timeout 30 $program @$bad >$dir/out 2>&1");
    is($rc >> 8, 1, "does not start: \"$bad->[-2] "
        . substr($bad->[-1], -20) . '"');
    like(slurp("$dir/out"), qr/voiceai-local: /, 'and says why');
}
ok(!-e $socket, 'no socket is left');
mkdir "$dir/grammar";
spew("$dir/grammar/odd.gram", "#JSGF V1.0;\ngrammar odd;\n"
    . "public <x> = hello | xyzzyfoo;\n");
is(system("$program --socket $socket --grammar-dir $dir/grammar >$dir/out 2>&1")
    >> 8, 1, 'a word without pronunciation is refused');
like(slurp("$dir/out"), qr/xyzzyfoo/, 'by name');

# --- a server

my ($pid, @ready) = start(2, '--socket', $socket, '--listen', '127.0.0.1:0',
    '--decoders', 2, '--threads', 2, '--pidfile', "$dir/pid");
is(scalar @ready, 2, 'ready on both sockets');
is($ready[0], "unix:$socket", 'the unix socket by name');
$tcp = $ready[1];
like($tcp, qr{^http://127\.0\.0\.1:[1-9]\d*$}, 'port 0 picks one');
is((stat $socket)[2] & 0777, 0660, 'permissions of the socket');
is(slurp("$dir/pid"), "$pid\n", 'the pid file');

my $health = curl('/health');
is($health->{status}, 200, 'health');
is($health->{json}{status}, 'ok', 'is ok');
is(curl('-I', '/health')->{status}, 200, 'HEAD');
my %models = map { $_->{id} => 1 } @{curl('/v1/models')->{json}{data}};
ok($models{$_}, "model $_") for qw(open confirm assistant);

# --- speech

my %first = (wav => qr/^RIFF....WAVEfmt /s, pcm => qr/^../s, ulaw => qr/^./s);
my %type = (wav => 'audio/wav', pcm => 'audio/pcm;rate=24000',
    ulaw => 'audio/basic');
for my $voice (qw(rms slt awb kal)) {
    my %bytes;
    for my $format (qw(wav pcm ulaw)) {
        my $a = post('/v1/audio/speech', {model => 'tts-1', voice => $voice,
            input => 'Hello, how can I help you?', response_format => $format});
        is($a->{status}, 200, "$voice speaks $format");
        like($a->{body}, $first{$format}, 'with the right beginning');
        like($a->{head}, qr/^Content-Type: \Q$type{$format}\E\r$/mi, 'and type');
        like($a->{head}, qr/^Transfer-Encoding: chunked/mi, 'streamed');
        $bytes{$format} = length $a->{body};
    }
    cmp_ok($bytes{ulaw}, '>', 9600, 'over a second of it');
    cmp_ok(abs($bytes{pcm} / 6 - $bytes{ulaw}), '<', 800, 'the same at 24 kHz');
    my $rate = $voice eq 'kal' ? 8000 : 16000;
    cmp_ok(abs(($bytes{wav} - 44) * 4000 / $rate - $bytes{ulaw}), '<', 800,
        'and at the rate of the voice');
}
my $slow = post('/v1/audio/speech', {input => 'Hello there.', speed => 0.5,
    response_format => 'ulaw'});
my $fast = post('/v1/audio/speech', {input => 'Hello there.', speed => 2,
    response_format => 'ulaw'});
cmp_ok(length $slow->{body}, '>', 2.5 * length $fast->{body}, 'speed');
like(post('/v1/audio/speech', {input => "Caf\x{e9} \x{2014} na\x{ef}ve \x{4f60}."})
    ->{body}, qr/^RIFF/, 'text that is not ASCII');
is(post('/v1/audio/speech', {input => 'a' x 4096, response_format => 'ulaw'})
    ->{status}, 200, 'an endless word');
is(post('/v1/audio/speech', {input => '!"#$%&/()=? ' x 300 . 'x',
    response_format => 'ulaw'})->{status}, 200, 'nothing but signs, almost');
my $long = post('/v1/audio/speech', {voice => 'kal', response_format => 'ulaw',
    input => 'This is one sentence of many. ' x 130});
cmp_ok(length $long->{body}, '>', 130 * 8000, 'minutes of speech');

is_error(post('/v1/audio/speech', {}), 400, qr/input/, 'no input');
is_error(post('/v1/audio/speech', {input => 7}), 400, qr/input/, 'a number');
is_error(post('/v1/audio/speech', {input => ''}), 400, qr/spoken/, 'empty input');
is_error(post('/v1/audio/speech', {input => ' ... '}), 400, qr/spoken/,
    'nothing to speak');
is_error(post('/v1/audio/speech', {input => 'a ' x 2049}), 400, qr/4096/,
    'input too long');
is_error(post('/v1/audio/speech', {input => 'x', voice => 'alloy'}), 400,
    qr/rms/, 'unknown voice');
is_error(post('/v1/audio/speech', {input => 'x', response_format => 'mp3'}),
    400, qr/wav/, 'unknown format');
is_error(post('/v1/audio/speech', {input => 'x', speed => $_}), 400,
    qr/speed/, "speed $_") for 0, -1, 4.5, 1e300;
is_error(post('/v1/audio/speech', $_), 400, qr/JSON/, 'not JSON: ' . substr($_, 0, 9))
    for '', '{', 'hello', '{"input":"x"', "\0\1\2", '[' x 5000, "{\"input\":\"\xff\"}";

# --- conversation

my $time = talk('what time is it')->{json};
like($time->{choices}[0]{message}{content},
    qr/^It is [a-z]+ [a-z' ]+ [ap] m\.$/, 'it tells the time');
is($time->{object}, 'chat.completion', 'object');
is($time->{choices}[0]{finish_reason}, 'stop', 'finish_reason');
my $bye = talk('goodbye')->{json}{choices}[0];
ok(!exists $bye->{message}{tool_calls}, 'no tool is called unless declared');
my @tools = (tools => [{type => 'function', function => {name => 'other'}},
    {type => 'function', function => {name => 'hang_up', parameters => {}}}]);
$bye = talk('goodbye', @tools)->{json}{choices}[0];
is($bye->{message}{tool_calls}[0]{function}{name}, 'hang_up', 'hang_up');
is($bye->{finish_reason}, 'tool_calls', 'is why it finished');
like($bye->{message}{content}, qr/Goodbye/, 'after a farewell');
ok(!exists talk('hello', @tools)->{json}{choices}[0]{message}{tool_calls},
    'not for a greeting');

for my $case (['hello', 'stop'], ['goodbye', 'tool_calls']) {
    my $stream = talk($case->[0], stream => JSON::PP::true, @tools,
        stream_options => {include_usage => JSON::PP::true});
    like($stream->{head}, qr{^Content-Type: text/event-stream}mi, 'a stream');
    my @events = split /\n\n/, $stream->{body};
    is(pop @events, 'data: [DONE]', 'ends as it should');
    my @chunks = map { decode_json(s/^data: //r) } @events;
    my $usage = pop @chunks;
    is_deeply($usage->{choices}, [], 'usage without a choice');
    is($usage->{usage}{total_tokens}, 0, 'counts no tokens');
    is($chunks[0]{choices}[0]{delta}{role}, 'assistant', 'begins with the role');
    is($chunks[-1]{choices}[0]{finish_reason}, $case->[1], 'and a reason');
    my $text = join '', map { $_->{choices}[0]{delta}{content} // '' } @chunks;
    is($text, talk($case->[0])->{json}{choices}[0]{message}{content},
        'with the text of the plain answer');
    my @calls = grep { $_->{choices}[0]{delta}{tool_calls} } @chunks;
    is(scalar @calls, $case->[0] eq 'goodbye' ? 1 : 0, 'tool calls');
}

sub reply {
    return post('/v1/chat/completions', {messages => [@_]})
        ->{json}{choices}[0]{message}{content};
}
my $system = {role => 'system', content => 'what time is it'};
is(reply($system), 'Hello, how can I help you?', 'it opens the conversation');
is(reply($system, {role => 'assistant', content => 'It is late.'},
    {role => 'user', content => 'say that again'}), 'It is late.', 'it repeats');
is(reply({role => 'user', content => [{type => 'text', text => 'hello'}]}),
    'Hello, how can I help you?', 'content in parts');
is(reply({role => 'user', content => 'goodbye'}, {role => 'tool', content => ''}),
    '', 'nothing to add to the result of a tool');
is_error(post('/v1/chat/completions', {messages => $_}), 400, qr/messages/,
    'messages: ' . encode_json([$_])) for [], 'x', {}, [1], [{}];
is_error(post('/v1/chat/completions', {}), 400, qr/messages/, 'no messages');
is_error(post('/v1/chat/completions', 'nonsense'), 400, qr/JSON/, 'no JSON');

# --- recognition

my @phrases = ('what time is it', 'hello', 'goodbye', 'thank you', 'yes', 'no',
    'tell me the time', 'that is all', 'what day is it today', 'operator',
    'where is my order', 'i would like to book a table', 'one two three four',
    'repeat that please', 'good morning', 'what can you do');
my $right = 0;
for my $voice (qw(rms awb kal)) {
    for my $phrase (@phrases) {
        my $a = hear(wav(say_as($voice, $phrase)), 'model=open', 'language=en');
        next if $a->{status} == 200 && $a->{json}{text} eq $phrase
            && $a->{json}{confidence} > 0.4 && ++$right;
        note "$voice: $phrase: $a->{body}";
    }
}
cmp_ok($right, '>=', 44, "callers are understood ($right of 48)");

$right = 0;
my @said = map { talk($_)->{json}{choices}[0]{message}{content} } 'what time is it',
    'what day is it', 'hello', 'goodbye', 'help', 'who are you', 'yes', 'thanks',
    'book a table', 'where is my order', 'operator', 'xyzzy', '';
for my $text (@said) {
    my $heard = hear(wav(say_as('rms', $text)), 'model=assistant')->{json}{text};
    my $plain = lc $text;
    $plain =~ s/[.,?]//g;
    next if $heard eq $plain && ++$right;
    note "$plain: $heard";
}
cmp_ok($right, '>=', @said - 1, "the assistant is understood ($right of 13)");

my $yes = wav(say_as('rms', 'yes'));
for my $state (['', 'open'], ['Hello, how can I help you?', 'open'],
    ['I heard Friday. Is that right?', 'confirm'],
    ['Is that right? Please tell me more.', 'open'],
    ['Would you like to book it?', 'confirm'], ['?', 'open'], ['  ', 'open'],
    ['would you like to ' x 300, 'confirm'])
{
    my $a = hear($yes, "prompt=$state->[0]", 'response_format=verbose_json',
        'model=whisper-1');
    is($a->{json}{grammar}, $state->[1], 'after "' . substr($state->[0], 0, 30)
        . '"');
    is($a->{json}{text}, 'yes', 'yes is yes');
}
is(hear(wav(say_as('rms', 'what time is it')), 'model=confirm')->{json}{text},
    'what time is it', 'a question is allowed where an answer was expected');
is(hear($yes, 'model=open', 'response_format=text')->{body}, "yes\n", 'as text');

my $noise = join '', map { chr(0x60 + ($_ * 7919) % 31) } 1 .. 12000;
for my $nothing (["\xff" x 16000, 'silence'], ["\x00" x 16000, 'a constant'],
    [$noise, 'noise'])
{
    my $a = hear(wav($nothing->[0]), 'model=open')->{json};
    is($a->{text}, '', "nothing in $nothing->[1]");
    ok($a->{confidence} == 0, 'with no confidence');
}

my $ulaw = say_as('rms', 'what time is it');
my @linear = map { my $u = ~$_ & 255;
    my $m = (($u & 15) * 8 + 132 << ($u >> 4 & 7)) - 132; $u & 128 ? -$m : $m }
    unpack 'C*', $ulaw;
my $pcm = pack 's<*', @linear;
my $twice = pack 's<*', map { ($_, $_) } @linear;
is(hear(wav($pcm, tag => 1, bits => 16))->{json}{text}, 'what time is it',
    '16 bit at 8 kHz');
is(hear(wav($twice, tag => 1, bits => 16, rate => 16000))->{json}{text},
    'what time is it', '16 bit at 16 kHz');
is(hear(wav($pcm, tag => 1, bits => 16, claim => 0xffffffff))->{json}{text},
    'what time is it', 'a WAV of unknown length');
my $sox = post('/v1/audio/speech', {voice => 'rms', input => 'what time is it'});
is(hear($sox->{body})->{json}{text}, 'what time is it', 'what it made itself');

is_error(hear(''), 400, qr/file/, 'an empty file');
is_error(curl('-F', 'model=open', '/v1/audio/transcriptions'), 400, qr/file/,
    'no file');
is_error(hear('garbage' x 100), 400, qr/WAV/, 'no WAV');
is_error(hear(substr $yes, 0, 30), 400, qr/WAV/, 'half a header');
is_error(hear(substr $yes, 0, 3000), 400, qr/ends before/, 'a truncated WAV');
is_error(hear(wav('')), 400, qr/shorter/, 'no audio');
is_error(hear(wav("\xff" x 700)), 400, qr/shorter/, 'too little audio');
is_error(hear(wav("\xff" x 8000, rate => 4000)), 400, qr/4000 Hz/, 'wrong rate');
is_error(hear(wav("\xff" x 8000, rate => 96000)), 400, qr/96000 Hz/, 'high rate');
is_error(hear(wav("\xff" x 8000, channels => 2)), 400, qr/2 channels/, 'stereo');
is_error(hear(wav("\xff" x 8000, tag => 6)), 400, qr/WAV/, 'A-law');
is_error(hear(wav("\xff" x (8000 * 121))), 400, qr/longer/, 'too long');
is_error(hear($yes, 'model=nonsense'), 404, qr/grammar/, 'unknown grammar');
is_error(hear($yes, 'model=../open'), 404, qr/grammar/, 'a path as grammar');
is_error(hear($yes, 'language=de'), 400, qr/English/, 'another language');
is_error(hear($yes, 'response_format=srt'), 400, qr/response_format/, 'srt');
is_error(hear($yes, 'model=open', 'model=open'), 400, qr/malformed/, 'twice');
is_error(hear($yes, 'prompt=' . 'x' x 9000), 400, qr/too long/, 'a long field');

# --- HTTP

is_error(curl('/nothing'), 404, qr/path/, 'unknown path');
is_error(curl('/v1/audio/speech/'), 404, qr/path/, 'a slash too much');
my $get = curl('/v1/audio/speech');
is_error($get, 405, qr/POST/, 'wrong method');
like($get->{head}, qr/^Allow: POST\r$/m, 'says which is right');
is_error(post('/health', 'x'), 405, qr/GET/, 'POST to health');
is_error(post('/v1/audio/transcriptions', '{}'), 400, qr/multipart/, 'no form');
my $form = '/v1/audio/transcriptions';
my $garbage = spew("$dir/garbage", join '', map { chr(($_ * 7919) % 256) } 1 .. 5000);
for my $type ('multipart/form-data; boundary=x', 'multipart/form-data',
    'multipart/form-data; boundary=')
{
    my $a = curl('-H', "Content-Type: $type", '--data-binary', "\@$garbage", $form);
    cmp_ok($a->{status}, '==', 400, "garbage as $type");
}
my $cut = spew("$dir/cut", "--x\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nRIFF");
is(curl('-H', 'Content-Type: multipart/form-data; boundary=x', '--data-binary',
    "\@$cut", $form)->{status}, 400, 'a form without end');

my $s = raw("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
    . "Content-Length: 104857600\r\n\r\n{");
like(answer_of($s), qr{^HTTP/1\.1 413 }, '100 MB are refused at once');
$s = raw("POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"
    . "Transfer-Encoding: chunked\r\n\r\n");
my $sent = 0;
while ($sent < 100 * 1048576 && print $s sprintf("%x\r\n", 65536), 'x' x 65536, "\r\n") {
    $sent += 65536;
}
cmp_ok($sent, '<', 20 * 1048576, 'an endless body is cut off');
close $s;
alive('alive after that');
for my $odd ("\r\n\r\n", "GET\r\n\r\n", "GET /health HTTP/9.9\r\n\r\n", "\0" x 1000,
    'G' x 100000, "GET / HTTP/1.1\r\n" . 'X: ' . 'y' x 60000 . "\r\n\r\n",
    "POST /v1/audio/speech HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n")
{
    my $c = raw($odd);
    shutdown $c, 1;
    unlike(answer_of($c), qr{^HTTP/1\.1 2}, 'no answer to nonsense');
}
alive('alive after nonsense');

# --- clients that go away

for my $n (1 .. 10) {
    my $c = raw(speech_request({input => 'This goes on and on. ' x 190,
        response_format => 'pcm'}), $n % 2 ? $socket : undef);
    sysread $c, my $some, 1 + $n * 1000;
    close $c;
}
for (1 .. 10) {
    close raw("POST $form HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; "
        . "boundary=x\r\nContent-Length: 5000\r\n\r\n--x\r\nContent-Disp");
}
my $patience = time + 30;
my $after = post('/v1/audio/speech', {input => 'Hello.', response_format => 'ulaw'});
cmp_ok(length $after->{body}, '>', 2000, 'speech goes on when clients do not');
cmp_ok(time, '<', $patience, 'at once');
alive('alive after clients went');

# --- many at once

sub together {
    my ($count, $job) = @_;
    my @children = map {
        my $n = $_;
        my $child = fork() // die "fork: $!";
        if (!$child) {
            %running = ();
            open STDOUT, '>', '/dev/null';
            $serial = 100000 * ($n + 1);
            my $ok = eval { $job->($n) };
            require POSIX;
            POSIX::_exit($ok ? 0 : 1);
        }
        $child;
    } 1 .. $count;
    my $good = 0;
    for (@children) {
        waitpid $_, 0;
        $good++ if $? == 0;
    }
    return $good;
}

my $heard = spew("$dir/parallel.wav", wav(say_as('rms', 'what time is it')));
my $order = spew("$dir/order.json", encode_json({input => 'It is ten forty two.'}));
my $said_hello = spew("$dir/chat.json",
    encode_json({messages => [{role => 'user', content => 'hello'}]}));
is(together(32, sub {
    my $n = shift;
    my $a = $n % 3 == 0
        ? curl('-F', "file=\@$heard", '-F', 'model=open', $form)
        : curl('--data-binary', $n % 3 == 1 ? "\@$order" : "\@$said_hello",
            $n % 3 == 1 ? '/v1/audio/speech' : '/v1/chat/completions');
    return $n % 3 == 0 ? $a->{json}{text} eq 'what time is it'
        : $n % 3 == 1 ? length $a->{body} > 20000
        : $a->{json}{choices}[0]{message}{content} =~ /^Hello/;
}), 32, '32 requests at once are all answered rightly');

is(stop($pid, 'TERM'), 0, 'SIGTERM ends it cleanly');
ok(!-e $socket && !-e "$dir/pid", 'without leaving a socket or pid file');

# --- the queue is full

($pid, @ready) = start(2, '--socket', $socket, '--listen', '127.0.0.1:0',
    '--decoders', 1, '--threads', 1, '--queue', 2, '--max-body', 200000);
$tcp = $ready[1];
my @lazy = map { raw(speech_request({response_format => 'pcm',
    input => 'This goes on and on. ' x 190})) } 1 .. 3;
my ($full, $until) = (undef, time + 20);
do {
    sleep 0.1;
    $full = post('/v1/audio/speech', {input => 'Hello.'}, '--max-time', 2);
} while ($full->{status} != 503 && time < $until);
is_error($full, 503, qr/busy|full/, 'too many wait');
like($full->{head}, qr/^Retry-After: 1\r$/m, 'and when to come again');
is(talk('hello')->{status}, 200, 'thinking goes on');
is(hear(substr($yes, 0))->{json}{text}, 'yes', 'hearing goes on');
# who asks before sending reads the refusal, whatever the connection does
my $over = spew("$dir/over.wav", wav("\xff" x 250000));
is_error(curl('-H', 'Expect: 100-continue', '-F',
    "file=\@$over;type=audio/wav", '/v1/audio/transcriptions'),
    413, qr/200000/, '--max-body');
close $_ for @lazy;
$after = undef;
$until = time + 30;
do {
    sleep 0.2;
    $after = post('/v1/audio/speech', {input => 'Hello.'});
} while ($after->{status} != 200 && time < $until);
is($after->{status}, 200, 'it speaks again when they are gone');

my @streams = map { raw(speech_request({response_format => 'pcm',
    input => 'This goes on and on. ' x 190})) } 1 .. 3;
sleep 0.3;
my $begin = time;
is(stop($pid, 'TERM'), 0, 'SIGTERM ends it in mid-speech');
cmp_ok(time - $begin, '<', 10, 'soon');

# --- killed

($pid) = start(1, '--socket', $socket, '--decoders', 1, '--socket-mode', '600');
is((stat $socket)[2] & 0777, 0600, '--socket-mode');
is(system("$program --socket $socket >$dir/out 2>&1") >> 8, 1,
    'a socket that is served is not taken');
ok(-S $socket, 'nor removed');
is(stop($pid, 'KILL') & 127, 9, 'killed');
ok(-S $socket, 'its socket stays behind');
($pid, @ready) = start(2, '--socket', $socket, '--listen', '127.0.0.1:0',
    '--decoders', 1);
$tcp = $ready[1];
alive('and is taken over by the next') for 1 .. 4;
is(stop($pid, 'INT'), 0, 'SIGINT ends it');
spew($socket, 'precious');
is(system("$program --socket $socket >$dir/out 2>&1") >> 8, 1,
    'a file in its place is not touched');
is(slurp($socket), 'precious', 'at all');

is(slurp("$dir/stderr"), '', 'nothing was complained about');

done_testing();
