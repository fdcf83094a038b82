# Recognisers that listen along: a stream for the whole call.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use VoiceAI;
use VoiceAI::Engines;
use VoiceAI::Server;

my $engines = VoiceAI::Engines->new;
my $dir = scratch();
my %port;

# Starts a provider that hears these sentences.
sub provider
{
    my ($name, $kind, $fault, @options) = @_;
    start_process({ log => "$dir/$name" }, 'node',
        project_root() . "/t/providers/$kind.js", '--key', 'hush-key',
        '--say', "first of $name|second of $name|third of $name",
        $fault ? ('--fault', $fault) : (), @options);
    wait_for(20, sub { VoiceAI::slurp("$dir/$name") =~ /"port":(\d+)/ })
        or die "no $name";
    ($port{$name}) = VoiceAI::slurp("$dir/$name") =~ /"port":(\d+)/;
    my $version = $kind eq 'deepgram' ? 'v1' : 'v3';
    return "voiceai_stt $kind url=ws://127.0.0.1:$port{$name}/$version "
        . "key=hush-key idle_timeout=1s connect_timeout=1s max_fails=0;\n";
}

my $ear = $engines->line('stt', 'ear');
my %hosts = (
    well => provider('well', 'deepgram') . $ear,
    alone => provider('alone', 'deepgram'),
    assembly => provider('assembly', 'assemblyai') . $ear,
    status => provider('status', 'deepgram', 'status500') . $ear,
    hang => provider('hang', 'deepgram', 'hang') . $ear,
    cut => provider('cut', 'deepgram', 'cut') . $ear,
    garbage => provider('garbage', 'deepgram', 'garbage') . $ear,
    mute => provider('mute', 'deepgram', 'mute') . $ear,
    deaf => provider('deaf', 'deepgram', 'mute'),
    noise => provider('noise', 'deepgram', 'noise') . $ear,
    slow => provider('slow', 'deepgram', 'slow') . $ear,
    second => provider('first', 'deepgram', 'status402')
        . provider('second', 'deepgram'),
);

my $spoken = $engines->line('llm', 'well') . $engines->line('tts', 'well');
my $server = VoiceAI::Server->new(workers => 1, http => <<"END" . join '', map {
    $spoken
    voiceai_zone calls 2m;
    voiceai_signature off;
    voiceai_stream_token off;
    voiceai_greeting "Hello.";
    voiceai_silence_threshold 500ms;
    voiceai_public_url https://voice.example.com;
END
    "server { listen 127.0.0.1:%%PORT%%; server_name $_; voiceai on;\n"
    . "$hosts{$_} }\n" } sort keys %hosts);

my @names = sort keys %hosts;
my %result;
@result{@names} = $engines->call($server, map { {
    host => $_, call => "CA$_", max => 14000, turns => $_ eq 'deaf'
        ? ['Hello', 'went wrong', 0] : ['Hello', 'You said', 'You said', 0],
} } @names);

# Returns what the caller heard after the greeting.
sub heard
{
    my ($name) = @_;
    my (undef, @heard) = @{$result{$name}{heard}};
    return join ' ', @heard;
}

for my $name (qw(well alone assembly noise second)) {
    is(heard($name), "You said: first of $name You said: second of $name",
        "$name: what the stream heard is answered");
    like($server->access("CA$name"), qr/turns=2 .*failures=0/, 'and nothing else');
}
is(scalar(() = VoiceAI::slurp("$dir/well") =~ /"open"/g), 1, 'by one stream for the call');
like(VoiceAI::slurp("$dir/well"), qr/CloseStream/, 'which is closed at its end');
like($engines->told($server, 'CAsecond'), qr/\[warn\].* status 402: .*no credits/,
    'a second stream stands in for a first');
cmp_ok($result{assembly}{after}[1], '<', 480,
    'a turn ends sooner when the recogniser says that it is over');

for my $name (qw(status hang cut garbage mute slow)) {
    # a machine in a hurry may hear the slow one in time, on its second stream
    my $said = $name eq 'slow' ? qr/number \d+ of ear|first of slow/
        : qr/number \d+ of ear/;
    like(heard($name), qr/^You said: number \d+ of ear You said: (?:$said)$/,
        "$name: an engine that takes utterances whole stands in");
    like($server->access("CA$name"), qr/turns=2 .*failures=0/, 'and the caller notices nothing');
}
my %why = (
    status => 'stopped listening with status 500: HTTP 500: Something broke',
    cut => 'stopped listening with status 101: the stream was cut',
    garbage => 'stopped listening with status 101: malformed JSON',
    hang => 'listens but does not answer',
    mute => 'listens but does not answer',
);
like($engines->told($server, "CA$_ "), qr/\[warn\].*recogniser "deepgram at \S+" \Q$why{$_}/,
    "$_: why is told") for sort keys %why;
cmp_ok($result{mute}{after}[1], '<', 4000, 'who listens and does not answer is not waited for');

is(heard('deaf'), 'I am sorry, something went wrong. Please say that again.',
    'without another there is an apology');
is(scalar(() = VoiceAI::slurp("$dir/deaf") =~ /"open"/g) >= 2, 1,
    'but not before the utterance was given to a second stream');
unlike($server->log, qr/hush-key/, 'no key is told');

ok(wait_for(5, sub { $server->sessions == 0 }), 'all calls are over');
$server->stop(qr/recogniser failed with status 0: no engine is well/);
done_testing;
