# Calls over providers that aimock does not play, each with a server written
# from its published interface: what the caller hears has the length and the
# pitch of what was sent, and keys arrive where they belong.

use strict;
use warnings;

use lib 't/lib';
use JSON::PP qw(decode_json);
use List::Util qw(max sum0);
use MIME::Base64 qw(decode_base64);
use Test::More;
use VoiceAI;
use VoiceAI::Engines;
use VoiceAI::Server;
use VoiceAI::Sound;

my $dir = scratch();
my $key = 'hush-key-of-a-provider';
my $engines = VoiceAI::Engines->new;
my %port;

# Starts a server that plays this provider, and returns its URL.
sub provider
{
    my ($kind) = @_;
    start_process({ log => "$dir/$kind" }, 'node',
        project_root() . "/t/providers/$kind.js", '--key', $key);
    wait_for(30, sub { VoiceAI::slurp("$dir/$kind") =~ /"port":(\d+)/ })
        or die "no $kind:\n", VoiceAI::slurp("$dir/$kind");
    ($port{$kind}) = VoiceAI::slurp("$dir/$kind") =~ /"port":(\d+)/;
    return "http://127.0.0.1:$port{$kind}";
}

# Returns what a provider was asked.
sub requests
{
    my ($kind) = @_;
    return grep { $_->{path} } map { decode_json($_) }
        grep { /^\{.*\}$/ } split /\n/, VoiceAI::slurp("$dir/$kind");
}

my %voices = (
    elevenlabs => 'elevenlabs url=' . provider('elevenlabs') . '/v1 voice=el-voice '
        . "model=eleven_flash_v2_5 'param.voice_settings={\"stability\":0.5}'",
    cartesia => 'cartesia url=' . provider('cartesia') . ' voice=ca-voice model=sonic-3',
    melotts => 'melotts url=' . provider('melotts') . ' voice=EN-US language=EN param.speed=1.1',
    deepgram => 'deepgram url=' . provider('deepgram') . '/v1 voice=aura-2-thalia-en',
);
my $hook = provider('webhook');
my $spoken = $engines->line('stt', 'well') . $engines->line('tts', 'well');
my (%hosts, %turns);

for my $kind (sort keys %voices) {
    my $rest = $engines->line('stt', 'well') . $engines->line('llm', 'well');
    $hosts{$kind} = "$rest voiceai_tts $voices{$kind} key=$key;";
    $turns{$kind} = ['tones', 'tones', 400];
    next if $kind eq 'melotts';
    $hosts{"$kind-stranger"} = 'voiceai_greeting "Hello, stranger.";'
        . "$rest voiceai_tts $voices{$kind} key=hush-another;"
        . $engines->line('tts', 'well');
    $turns{"$kind-stranger"} = ['Hello', 'You said', 0];
}
for my $path (qw(plain events json tool refuse)) {
    my $spare = $path eq 'refuse' ? $engines->line('llm', 'well') : '';
    $hosts{$path} = "$spoken voiceai_llm webhook url=$hook/$path key=$key "
        . "param.tenant=7; $spare";
    $turns{$path} = ['Hello', $path eq 'refuse' ? 'You said' : ('.', '.'),
        $path eq 'json' ? 9000 : 0];
}
$hosts{stranger} = "$spoken voiceai_llm webhook url=$hook/plain key=hush-another;";
$turns{stranger} = ['Hello', 'Sorry', 0];

my $server = VoiceAI::Server->new(workers => 1, http => <<"END" . join '', map {
    voiceai_zone calls 2m;
    voiceai_signature off;
    voiceai_stream_token off;
    voiceai_greeting "Hello.";
    voiceai_apology "Sorry.";
    voiceai_prompt "You take orders.";
    voiceai_silence_threshold 300ms;
    voiceai_public_url https://voice.example.com;
    voiceai_tool whoami $hook/whoami?a=b method=GET key=$key
        "description=Tells who asks.";
END
    "server { listen 127.0.0.1:%%PORT%%; server_name $_; voiceai on;\n"
    . "$hosts{$_} }\n" } sort keys %hosts);

my @names = sort keys %hosts;
my %result;
@result{@names} = $engines->call($server, map { {
    host => $_, call => "CA-$_-", max => 12000, turns => $turns{$_},
    record => $voices{$_} ? JSON::PP::true : JSON::PP::false,
} } @names);
sub heard { return join ' ', @{$result{$_[0]}{heard}} }
sub told { return $engines->told($server, "CA-$_[0]- ") }

# ---- voices

for my $kind (sort keys %voices) {
    my $samples = samples(decode_base64($result{$kind}{audio}));
    my $ms = sum0(map { max(200, 60 * $_) }
        told($kind) =~ /assistant spoke, (\d+) characters/g);
    is(heard($kind), '(tones) (tones)', "$kind: the greeting and an answer");
    cmp_ok($ms, '>', 360 + 1500, 'are spoken');
    cmp_ok(abs(duration($samples) - $ms), '<', 40, 'in their length')
        or diag('heard ', duration($samples), " ms of $ms");
    my ($low, $middle, $none, $high) = map { share($samples, $_) } 140, 700, 1000, 1200;
    cmp_ok($low, '>', 0.5, 'at their pitch');
    cmp_ok($middle, '>', 0.2, 'with the overtones');
    cmp_ok($high, '>', 0.04, 'that they have');
    cmp_ok($none, '<', 0.001, 'and no others');
    like($server->access("CA-$kind-"), qr/turns=1 .*failures=0/, 'without a fault');
}

my ($asked) = grep { ($_->{body}{text} // '') eq 'Hello.' } requests('elevenlabs');
is($asked->{path}, '/v1/text-to-speech/el-voice/stream?output_format=ulaw_8000',
    'elevenlabs is asked for the voice');
is_deeply($asked->{body}, { text => 'Hello.', model_id => 'eleven_flash_v2_5',
    voice_settings => { stability => 0.5 } }, 'as it was configured');
($asked) = grep { ($_->{body}{transcript} // '') eq 'Hello.' } requests('cartesia');
is_deeply($asked->{body}{voice}, { mode => 'id', id => 'ca-voice' },
    'cartesia is asked for the voice');
($asked) = grep { ($_->{body}{text} // '') eq 'Hello.' } requests('melotts');
is_deeply($asked->{body}, { text => 'Hello.', speaker_id => 'EN-US', language => 'EN',
    speed => 1.1 }, 'melotts for the speaker');
($asked) = grep { ($_->{body}{text} // '') eq 'Hello.' } requests('deepgram');
like($asked->{path}, qr{^/v1/speak\?model=aura-2-thalia-en&}, 'deepgram for the model');

for my $kind (grep { $_ ne 'melotts' } sort keys %voices) {
    like(heard("$kind-stranger"), qr/^Hello, stranger\. You said: number \d+ of well$/,
        "$kind: who has another key gets another voice");
    like(told("$kind-stranger"), qr{voice "$kind\S* at \S+ failed with status 401: HTTP 401: Invalid.*, trying},
        'and why is told');
}

# ---- a service of one's own

my %turn;
for my $path (qw(plain events json)) {
    my $said = "$path heard number \\d+ of well";
    like(heard($path), qr/^Hello\. $said\. 2 messages\. $said\. 4 messages\.$/,
        "$path: a conversation");
    like($server->access("CA-$path-"), qr/turns=2 .*failures=0/, 'without a fault');
    @{$turn{$path}} = map { $_->{body} } grep { $_->{path} eq "/$path" && $_->{good} }
        requests('webhook');
}
my ($one, $two) = @{$turn{plain}};
is(join('|', map { $_ // '' } @$one{qw(call_sid prompt tenant)}),
    'CA-plain-|You take orders.|7', 'it is told of the call');
is($one->{text}, $one->{messages}[-1]{content}, 'what the caller said');
is(join('|', map { "$_->{role} $_->{content}" } @{$two->{messages}}),
    join('|', 'assistant Hello.', "user $one->{text}",
        "assistant plain heard $one->{text}. 2 messages.", "user $two->{text}"),
    'and all that was said before');
like(told('json'), qr/the conversation is over/, 'it can hang up');
is($result{json}{code}, 1000, 'and the stream ends');
unlike(told('plain'), qr/the conversation is over/, 'or not');

is(heard('tool'), 'Hello. The tool seven says somebody. The tool seven says somebody.',
    'it can call tools, which know who asks');
my ($whoami) = grep { $_->{path} =~ /^.whoami/ } requests('webhook');
is($whoami->{path}, '/whoami?a=b&of=you+%26+me', 'with the arguments that it chose');

like(heard('refuse'), qr/^Hello\. You said: number \d+ of well$/, 'where it refuses');
like(told('refuse'), qr{\[warn\].*"webhook at \S+" failed with status 200: not today, trying},
    'the next model answers');
is(heard('stranger'), 'Hello. Sorry.', 'with another key nobody does');
like(told('stranger'), qr/\[error\].* failed with status 401: HTTP 401: bad signature/,
    'and why is told');

unlike($server->log, qr/hush/, 'no key is told');
$server->stop(qr/model failed with status 401/);
done_testing;
