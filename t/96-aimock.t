# Whole conversations with a server of the providers' interfaces that is not
# ours, the npm package @copilotkit/aimock: it checks keys, streams at the speed
# it is told, and has faults of its own.  What the caller hears, and what the
# log tells.

use strict;
use warnings;

use lib 't/lib';
use HTTP::Tiny;
use JSON::PP qw(decode_json encode_json);
use MIME::Base64 qw(decode_base64 encode_base64);
use Test::More;
use VoiceAI;
use VoiceAI::Engines;
use VoiceAI::Server;
use VoiceAI::Sound;

my $key = 'sk-for-the-ears-of-aimock';
my $dir = scratch();
my @fixtures;

# ---- what it answers

# Has a model, recogniser or voice answer so.  Names of models are ours: by them
# the server tells its calls apart.
sub answer
{
    my ($endpoint, $model, $match, $response, %more) = @_;
    push @fixtures, { %more, response => $response,
        match => { endpoint => $endpoint, model => $model, %$match } };
}

# Has a voice say this in mu-law that the callers read.
sub say_it
{
    my ($model, $text) = @_;
    answer('speech', $model, { userMessage => $text },
        spoken("<<$text>>" . "\xff" x 800));
}

sub spoken
{
    my ($bytes) = @_;
    return { audio => encode_base64($bytes, ''), format => 'pcm' };
}

my %chaos = (
    drop => { chaos => { dropRate => 1 } },
    limit => { chaos => { rateLimitRate => 1 } },
    malformed => { chaos => { malformedRate => 1 } },
    gone => { chaos => { disconnectRate => 1 } },
);
# A stream is cut after so many pieces, or so much time.
my %cuts = (
    cut => { chunkSize => 4, latency => 20, truncateAfterChunks => 4 },
    late => { chunkSize => 4, latency => 100, disconnectAfterMs => 300 },
);
my @all = sort keys %chaos;
my @model_faults = (@all, sort keys %cuts);

my $first = 'We are open until six.';
my $second = 'A loaf is four euros.';
my $long = 'The rye bread comes out of the oven at seven. '
    . 'After it there are rolls, then the cakes, and in the afternoon we bake '
    . 'for the restaurants of the town, which takes until late.';
my ($long_one, $long_two) = $long =~ /^(.*? seven\.) (.*)$/;

answer('transcription', 'ear', { }, { transcription => { text => 'When do you close?' } });
for my $model (qw(gpt claude)) {
    answer('transcription', "ear-of-$model", { sequenceIndex => 0 },
        { transcription => { text => 'When do you close?' } });
    answer('transcription', "ear-of-$model", { sequenceIndex => 1 },
        { transcription => { text => 'And what is a loaf?' } });
    answer('chat', $model, { userMessage => 'When do you' }, { content => $first });
    answer('chat', $model, { userMessage => 'what is a loaf', turnIndex => 2 },
        { content => $second });
    answer('chat', "$model-slow", { }, { content => $long }, chunkSize => 4,
        streamingProfile => { ttft => 300, tps => 25, jitter => 0.3 });
    answer('chat', "$model-tool", { hasToolResult => JSON::PP::false },
        { content => 'Let me look.', toolCalls => [ { name => 'price', id => 'call_7',
            arguments => encode_json({ of => 'loaf', n => 2 }) } ] });
    answer('chat', "$model-tool", { toolResultContains => 'loaf' }, { content => $second });
    # The first time something happens to it; then it is well.
    for my $fault (@model_faults) {
        my $once = $fault eq 'gone' ? { } : { sequenceIndex => 0 };
        answer('chat', "$model-$fault", $once, { content => $long },
            %{$chaos{$fault} // $cuts{$fault}});
        answer('chat', "$model-$fault", { }, { content => $first });
    }
    answer('chat', "$model-half", { }, { content => $long }, chunkSize => 4,
        latency => 20, truncateAfterChunks => 20);
    answer('chat', "$model-down", { }, { content => $long }, %{$chaos{drop}});
    answer('chat', "$model-snip", { }, { content => $long }, %{$cuts{cut}});
    answer('chat', "$model-odd", { }, { content => $long }, %{$chaos{malformed}});
    answer('chat', "$model-left", { }, { content => $long }, %{$chaos{gone}});
    answer('chat', "$model-busy", { }, { status => 429, retryAfter => 40,
        error => { message => 'Rate limit reached', type => 'rate_limit_error' } });
}
for my $fault (@all) {
    answer('transcription', "ear-$fault", { },
        { transcription => { text => 'Hello?' } }, %{$chaos{$fault}});
    answer('speech', "mouth-$fault", { userMessage => $first }, spoken(''),
        %{$chaos{$fault}});
}
for my $model ('mouth', map { "mouth-$_" } @all) {
    say_it($model, $_) for 'Hello.', 'Sorry.', 'Let me look.', $first, $second,
        $long_one, $long_two;
}
answer('speech', 'tone', { userMessage => 'Hello.' }, spoken(tone(440, 700, 24000)));
answer('speech', 'tone', { }, spoken(tone(880, 1300, 24000)));

# ---- both servers

open my $out, '>', "$dir/fixtures.json" or die;
print $out encode_json({ fixtures => \@fixtures });
close $out;
{
    local $ENV{AIMOCK_API_KEYS} = $key;
    start_process({ log => "$dir/aimock" }, 'node', project_root()
        . '/t/node_modules/@copilotkit/aimock/dist/cli.cjs', '--strict',
        '--validate-on-load', '-p', 0, '-f', "$dir/fixtures.json");
}
sub aimock_log { return VoiceAI::slurp("$dir/aimock") }
wait_for(30, sub { aimock_log() =~ /listening on \S+:(\d+)/ })
    or die "no aimock:\n", aimock_log();
my ($port) = aimock_log() =~ /listening on \S+:(\d+)/;

my $engines = VoiceAI::Engines->new;

# Returns the stage of a model.
sub stage
{
    return $_[0] =~ /^ear/ ? 'stt' : $_[0] =~ /^(?:mouth|tone)/ ? 'tts' : 'llm';
}

# Returns a directive for this model of aimock.
sub engine
{
    my ($model, @more) = @_;
    my $kind = $model =~ /^claude/ ? 'anthropic' : 'openai';
    my $format = $model =~ /^mouth/ ? 'format=ulaw' : '';
    @more = ("key=$key", 'max_fails=0') if !@more;
    return 'voiceai_' . stage($model) . " $kind url=http://127.0.0.1:$port/v1 "
        . "model=$model $format connect_timeout=2s @more;\n";
}

my (%hosts, %turns);

# Adds a call with these engines, and ones that work for the other stages.
sub host
{
    my ($name, $turns, @lines) = @_;
    my %given = map { /^voiceai_(\w+)/ => 1 } @lines;
    $hosts{$name} = join '', @lines,
        map { engine($_) } grep { !$given{stage($_)} } qw(ear gpt mouth);
    $turns{$name} = $turns;
}

for my $model (qw(gpt claude)) {
    host("$model-talk", ['Hello', 'until six', 'four euros', 0],
        engine("ear-of-$model"), engine($model));
    host("$model-slow", ['Hello', 'until late', 0], engine("$model-slow"));
    host("$model-tool", ['Hello', 'four euros', 0], engine("$model-tool"));
    host("$model-half", ['Hello', 'Sorry', 0], engine("$model-half"), engine('gpt'));
    host("$model-$_", ['Hello', 'Sorry', $_ eq 'gone' ? 'Sorry' : 'until six', 0],
        engine("$model-$_")) for @model_faults;
    host("$model-next", ['Hello', 'until six', 'until six', 0],
        engine("$model-busy", "key=$key", 'max_fails=1'),
        engine($model, 'key=sk-of-somebody-else'), engine("$model-down"),
        engine("$model-odd"), engine("$model-left"), engine("$model-snip"),
        engine($model));
}
for my $fault (@all) {
    host("ear-$fault", ['Hello', 'Sorry', 'Sorry', 0], engine("ear-$fault"));
    host("ears-$fault", ['Hello', 'until six', 0], engine("ear-$fault"), engine('ear'));
    host("mouth-$fault", ['Hello', 3000], engine("mouth-$fault"));
    host("mouths-$fault", ['Hello', 'until six', 0], engine("mouth-$fault"), engine('mouth'));
}
host('tone', ['tones', 'tones', 300], engine('tone'));

my $tool = 'http://127.0.0.1:' . $engines->port . '/tool/loaf';
my $server = VoiceAI::Server->new(workers => 1, http => <<"END" . join '', map {
    voiceai_zone calls 2m;
    voiceai_signature off;
    voiceai_stream_token off;
    voiceai_greeting "Hello.";
    voiceai_apology "Sorry.";
    voiceai_farewell "";
    voiceai_silence_threshold 300ms;
    voiceai_public_url https://voice.example.com;
    voiceai_tool price $tool "description=What something costs."
        'schema={"type":"object","properties":{"of":{"type":"string"}}}';
END
    "server { listen 127.0.0.1:%%PORT%%; server_name $_; voiceai on;\n"
    . "$hosts{$_} }\n" } sort keys %hosts);

my @names = sort keys %hosts;
my %result;
@result{@names} = $engines->call($server, map { {
    host => $_, call => "CA-$_-", max => 15000, turns => $turns{$_},
    record => $_ eq 'tone' ? JSON::PP::true : JSON::PP::false,
} } @names);

# Returns all that the caller heard.
sub heard { return join ' ', @{$result{$_[0]}{heard}} }
sub told { return $engines->told($server, "CA-$_[0]- ") }
sub access { return $server->access("CA-$_[0]-") }

# Returns what aimock was asked for this model.
my $journal = HTTP::Tiny->new->get("http://127.0.0.1:$port/__aimock/journal",
    { headers => { Authorization => "Bearer $key" } });
my @journal = map { $_->{body} } @{decode_json($journal->{content})};
sub asked
{
    my ($model) = @_;
    return grep { ref && ($_->{model} // '') eq $model } @journal;
}

# ---- conversations

for my $model (qw(gpt claude)) {
    is(heard("$model-talk"), "Hello. $first $second", "$model: a conversation");
    like(access("$model-talk"), qr/turns=2 .*failures=0/, 'without a fault');
    my ($last) = grep { $_->{messages}[-1]{content} =~ /a loaf/ } asked($model);
    is(join('|', map { $_->{content} } @{$last->{messages}}[-3 .. -1]),
        "When do you close?|$first|And what is a loaf?", 'which it remembers');
    ok($last->{stream}, 'and streams');

    is(heard("$model-slow"), "Hello. $long", "$model: many words, one by one");
    my (undef, $one, $two) = @{$result{"$model-slow"}{after}};
    cmp_ok($one, '>=', 300 + 500, 'the first sentence is heard when it is there');
    cmp_ok($two - $one, '>=', 700, 'and not when all of them are');

    is(heard("$model-tool"), "Hello. Let me look. $second", "$model: a tool");
    my ($call) = grep { $_->{headers}{'x-voiceai-call'} eq "CA-$model-tool-" }
        $engines->requests('tool-loaf');
    is_deeply(decode_json($call->{text}), { of => 'loaf', n => 2 }, 'is called');
    my @rounds = asked("$model-tool");
    is(scalar @rounds, 2, 'and what came of it is told');
    ok((grep { $_->{function}{name} eq 'price' } @{$rounds[0]{tools}}),
        'to a model that knew of it');
    my $result = $rounds[1]{messages}[-1];
    is("$result->{role} $result->{content}", 'tool {"word":"loaf"}', 'as it is');
    like($result->{tool_call_id}, qr/call_7/, 'by the id that it gave');
}

my $samples = samples(decode_base64($result{tone}{audio}));
my ($hello, $answer) = map { [@$samples[$_->[0] .. $_->[1]]] }
    [0, 5599], [5600, $#$samples];
cmp_ok(abs(duration($samples) - 2000), '<', 60, 'a voice of PCM is heard in its length')
    or diag(duration($samples));
cmp_ok(share($hello, 440), '>', 0.9, 'and at its pitch');
cmp_ok(share($answer, 880), '>', 0.9, 'each time');

# ---- what goes wrong with it

my %why = (
    drop => 'status 500: HTTP 500: Chaos: request dropped',
    limit => 'status 429: HTTP 429: Chaos: rate limit exceeded',
    gone => 'status 0: transfer from 127.0.0.1:\d+ failed: ',
    cut => 'status 200: transfer from 127.0.0.1:\d+ failed: ',
    late => 'status 200: transfer from 127.0.0.1:\d+ failed: ',
);

# Returns why a stage failed.
sub why
{
    my ($stage, $fault) = @_;
    return $why{$fault} // ($stage eq 'stt' ? 'status 200: the answer is not JSON: '
        : $stage eq 'llm' ? 'status 200: malformed JSON: '
        : 'status 200: text instead of audio: \{malformed');
}

for my $model (qw(gpt claude)) {
    my $kind = $model eq 'claude' ? 'anthropic' : 'openai';
    for my $fault (@model_faults) {
        my $name = "$model-$fault";
        my $why = why('llm', $fault);
        is(heard($name), 'Hello. Sorry. ' . ($fault eq 'gone' ? 'Sorry.' : $first),
            "$name: an apology, and the call goes on");
        like(told($name), qr{\[error\].* model failed with $why.*\($kind/$name at },
            'why is told');
    }

    is(heard("$model-half"), "Hello. $long_one Sorry.",
        "$model: cut in the second sentence: the first was heard");
    like(told("$model-half"), qr/\[error\].* model failed with $why{cut}/, 'why is told');

    my $log = told("$model-next");
    is(heard("$model-next"), "Hello. $first $first",
        "$model: whatever fails, the next one answers");
    my @chain = $log =~ m{\[warn\].* model "$kind/$model(\S*) at \S+ failed with status (\d+)}g;
    is("@chain[0 .. 11]",
        '-busy 429  401 -down 500 -odd 200 -left 0 -snip 200',
        'one after another, as the log tells');
    is(scalar asked("$model-busy"), 1, 'who asked for time gets it');
    like($engines->told($server, "$model-busy at"), qr/left alone for 40000 ms/,
        'as much as it asked for');
    like(access("$model-next"), qr/turns=2 .*failures=0/, 'no turn failed');
}

for my $fault (@all) {
    my $why = why('stt', $fault);
    is(heard("ear-$fault"), 'Hello. Sorry. Sorry.', "ear-$fault: apologies");
    like(told("ear-$fault"), qr{\[error\].* recogniser failed with $why.*/ear-$fault at },
        'why is told');
    is(heard("ears-$fault"), "Hello. $first", 'with a second one nothing of it is heard');
    like(told("ears-$fault"), qr{\[warn\].* failed with $why.*, trying "openai/ear at},
        'but told');

    $why = why('tts', $fault);
    is(heard("mouth-$fault"), 'Hello. Sorry.', "mouth-$fault: an apology");
    like(told("mouth-$fault"), qr{\[error\].* voice failed with $why.*/mouth-$fault at },
        'why is told');
    is(heard("mouths-$fault"), "Hello. $first", 'with a second one nothing of it is heard');
    like(told("mouths-$fault"), qr{\[warn\].* failed with $why.*, trying "openai/mouth at},
        'but told');
}

unlike($server->log, qr/aimock|sk-of/, 'no key is told');
$server->stop(qr/(?:recogniser|model|voice) failed with status/);
done_testing;
