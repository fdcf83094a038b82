# One trace of each call: what a collector gets, what engines and tools are told
# of it, and what becomes of a call when there is no collector.

use strict;
use warnings;

use lib 't/lib';
use HTTP::Tiny;
use JSON::PP qw(decode_json);
use Test::More;
use VoiceAI;
use VoiceAI::Engines;
use VoiceAI::Server;

my $engines = VoiceAI::Engines->new;
my $tool = 'http://127.0.0.1:' . $engines->port . '/tool';

# Starts a collector and returns its port and a function for its lines.
sub collector
{
    my ($given) = @_;
    my $log = scratch() . '/collector';
    my $pid = start_process({ log => $log }, 'node',
        project_root() . '/t/oracle/otlp.js', $given // 0);
    wait_for(20, sub { VoiceAI::slurp($log) =~ /"port":\d+/ })
        or die "no collector:\n", VoiceAI::slurp($log);
    my ($port) = VoiceAI::slurp($log) =~ /"port":(\d+)/;
    return ($port, sub { grep { $_->{headers} } map { decode_json($_) }
        grep { /^\{.*\}$/ } split /\n/, VoiceAI::slurp($log) }, $pid);
}

# Returns a server with one host for each kind of call.
sub server
{
    my ($otlp, $workers) = @_;
    my $hosts = join '', map { "server { listen 127.0.0.1:%%PORT%%; "
        . "server_name $_->[0]; voiceai on; " . $engines->line('llm', $_->[1])
        . ($_->[2] // '') . "}\n" } ['plain', 'plain'], ['asks', 'order-e30'],
        ['bad', '500'], ['bye', 'hang_up-e30'],
        ['cut', 'well', 'voiceai_greeting "";'
            . $engines->line('tts', 'long')],
        ['gather', 'gather', 'voiceai_mode gather;'];
    return VoiceAI::Server->new(workers => $workers // 1, http => <<"END");
$otlp
    @{[$engines->line('stt', 'well') . $engines->line('tts', 'well')]}
    voiceai_zone calls 2m;
    voiceai_signature off;
    voiceai_stream_token off;
    voiceai_greeting "Hello.";
    voiceai_silence_threshold 300ms;
    voiceai_public_url https://voice.example.com;
    voiceai_tools hang_up;
    voiceai_tool order $tool/order;
    voiceai_transfer_target sales +15550100077;
    $hosts
END
}

sub start_call
{
    my ($server, @plans) = @_;
    return $engines->call($server, map { { max => 9000, %$_ } } @plans);
}

# A request of Twilio's in a conversation by Gather.
sub gather
{
    my ($server, $path, %form) = @_;
    my $http = HTTP::Tiny->new;
    my $answer = $http->request('POST',
        'http://gather:' . $server->port . $path, { peer => '127.0.0.1',
            headers => { 'Content-Type' => 'application/x-www-form-urlencoded' },
            content => $http->www_form_urlencode({ CallSid => 'CAgather',
                AccountSid => 'AC1', From => '+15550001111', %form }) });
    is($answer->{status}, 200, "$path is answered");
}

my ($port, $lines) = collector();
$ENV{OTLP_TOKEN} = 'Bearer hush-hush';
my $server = server("voiceai_otlp http://127.0.0.1:$port/ service=phones "
    . "header=Authorization:env:OTLP_TOKEN 'header=X-Scope: calls';", 2);

gather($server, '/voice/incoming', Direction => 'inbound');
gather($server, '/voice/process-speech', SpeechResult => 'Hello', Confidence => 0.9);
gather($server, '/call-status', CallStatus => 'completed', SequenceNumber => 3);
gather($server, '/call-status', CallStatus => 'completed', SequenceNumber => 3);

my @results = start_call($server,
    { host => 'plain', call => 'CAplain', turns => ['Hello', 'You said', 500] },
    { host => 'asks', call => 'CAasks', turns => ['Hello', 'You said', 500] },
    { host => 'bad', call => 'CAbad', turns => ['Hello', 3000] },
    { host => 'cut', call => 'CAcut', turns => [300, 2500, 'You said', 100] },
    { host => 'bye', call => 'CAbye', turns => ['Hello', 20000] });

ok(wait_for(20, sub { 6 == grep { $_->{name} eq 'call' } map { @{$_->{spans} // []} } $lines->() }),
    'a collector hears of each call that it is over');
my @got = $lines->();
is(join("\n", map { $_->{fault} // () } @got), '', 'in the form of the protocol');
is($got[0]{headers}{authorization}, 'Bearer hush-hush', 'with the key');
is($got[0]{headers}{'x-scope'}, 'calls', 'and other headers');
is($got[0]{resource}{'service.name'}, 'phones', 'under the name of the service');
unlike($server->log, qr/hush-hush/, 'the key is not told');

my @spans = map { @{$_->{spans}} } @got;
my %by = map { $_->{id} => $_ } @spans;
is(scalar(keys %by), scalar @spans, 'no span comes twice');

my %root = map { $_->{attributes}{'voiceai.call.sid'} => $_ }
    grep { $_->{name} eq 'call' } @spans;
is(join(' ', sort keys %root), 'CAasks CAbad CAbye CAcut CAgather CAplain', 'each call has a root');
is(scalar(grep { $_->{name} eq 'call' && $_->{parent} } @spans), 0, 'which is one');

my @orphans = grep { $_->{name} ne 'call'
    && !($_->{parent} && $by{$_->{parent}}
        && $by{$_->{parent}}{trace} eq $_->{trace}) } @spans;
is(join(' ', map { $_->{name} } @orphans), '', 'all others are in one of its trace');
# The clocks of workers, one of which tells of the call, differ by their rounding.
my @outside = grep { my $p = $_->{parent} && $by{$_->{parent}};
    my $off = $p && $p->{name} eq 'call' ? 2 : 0;
    $p && ($_->{begin} < $p->{begin} - $off || $_->{end} > $p->{end} + $off) } @spans;
is(join("\n", map { "$_->{name} in $by{$_->{parent}}{name}: $_->{begin}-$_->{end} "
    . "$by{$_->{parent}}{begin}-$by{$_->{parent}}{end}" } @outside), '',
    'and in its time');

# Returns the spans of a call, or those below one of them.
sub of
{
    my ($call, $parent) = @_;
    return sort { $a->{begin} <=> $b->{begin} } grep { $_->{trace} eq $root{$call}{trace}
        && (!$parent || ($_->{parent} // '') eq $parent->{id}) } @spans;
}

my ($stream, @streams) = of('CAplain', $root{CAplain});
is("$stream->{name} " . @streams, 'stream 0', 'a call of one stream');
is($stream->{attributes}{'voiceai.stream.sid'}, 'MZCAplain', 'which is named');
my ($greeting, $turn, @turns) = grep { $_->{name} eq 'turn' } of('CAplain', $stream);
is($greeting->{attributes}{'voiceai.turn.number'}, 0, 'the greeting is no answer');
is($turn->{attributes}{'voiceai.turn.number'}, 1, 'what was said is answered');
ok(!$turn->{attributes}{'voiceai.turn.interrupted'}, 'and not interrupted');
cmp_ok($turn->{attributes}{'voiceai.turn.latency_ms'}, '>=', 100,
    'after the silence that ends a turn');

my %stage = map { $_->{name} => $_ } of('CAplain', $turn);
is(join(' ', sort keys %stage),
    'chat plain endpointing model recogniser sending speak well transcribe well voice',
    'a turn has its stages and requests');
my @tiles = map { $stage{$_} } qw(endpointing recogniser model voice sending);
is(join(' ', map { $_->{begin} } @tiles[1 .. 4]), join(' ', map { $_->{end} } @tiles[0 .. 3]),
    'one stage begins where another ends');
my $sum = 0;
$sum += $_->{end} - $_->{begin} for @tiles;
is($sum, $turn->{attributes}{'voiceai.turn.latency_ms'}, 'and they are the latency');

my $chat = $stage{'chat plain'};
is($chat->{kind}, 3, 'a request to a model is a client\'s');
is($chat->{attributes}{'gen_ai.operation.name'}, 'chat', 'that chats');
is($chat->{attributes}{'gen_ai.provider.name'}, 'openai', 'with a provider');
is($chat->{attributes}{'gen_ai.request.model'}, 'plain', 'and its model');
is($chat->{attributes}{'http.response.status_code'}, 200, 'successfully');

for my $stage (['plain', $chat], ['well', $stage{'transcribe well'}],
    ['well', $stage{'speak well'}]) {
    my ($name, $span) = @$stage;
    ok((grep { $_->{traceparent} eq "00-$span->{trace}-$span->{id}-01" }
        $engines->requests($name)), "the engine of \"$span->{name}\" is told its span");
}

my ($ordered) = grep { $_->{name} eq 'execute_tool order' } of('CAasks');
my ($asked) = $engines->requests('tool-order');
is($asked->{headers}{traceparent}, "00-$ordered->{trace}-$ordered->{id}-01",
    'and so is a tool');
is($ordered->{attributes}{'gen_ai.tool.name'}, 'order', 'which has a name');
is(scalar(grep { $_->{name} =~ /^chat/ } of('CAasks')), 2, 'the model is asked twice');

my (undef, $interrupted, $next) = map { $_->[0] } sort { $a->[1] <=> $b->[1] }
    [undef, 0], map { [$_, $_->{begin}] } grep { $_->{name} eq 'turn' } of('CAcut');
ok($interrupted->{attributes}{'voiceai.turn.interrupted'}, 'a turn that was cut off says so');
ok(!$next->{attributes}{'voiceai.turn.interrupted'}, 'the next does not');
is(scalar(grep { $_->{name} =~ /^transcribe/ } of('CAcut', $_)), 1, 'each has what was heard for it')
    for $interrupted, $next;

my ($thought, @thoughts) = of('CAgather', $root{CAgather});
is("$thought->{name} " . @thoughts, 'turn 0', 'a conversation by Gather has turns');
is(join(' ', map { $_->{name} } of('CAgather', $thought)), 'chat gather', 'and requests');
is($root{CAgather}{attributes}{'voiceai.call.mode'}, 'gather', 'it says what it is');
is($root{CAgather}{attributes}{'voiceai.call.status'}, 'completed', 'and how it ended');

my @failed = grep { $_->{status} == 2 } of('CAbad');
is(join(' ', map { "$_->{name} $_->{attributes}{'error.type'}" } @failed), 'chat 500 500',
    'what failed says so');
cmp_ok($root{CAbad}{attributes}{'voiceai.call.failures'}, '>=', 1, 'and is counted');

my $all = join '', map { JSON::PP->new->canonical->encode($_) } @spans;
unlike($all, qr/You said|Hello|number \d of|1555/, 'nobody reads what was said');

# ---- at the end of a worker

my $before = () = $lines->();
start_call($server, { host => 'plain', call => 'CAlast', turns => ['Hello', 0] });
$server->stop(qr/recogniser|model/);
ok((grep { ($_->{attributes}{'voiceai.call.sid'} // '') eq 'CAlast' }
    map { @{$_->{spans}} } $lines->()), 'a worker that goes sends what it has');

# ---- how many are kept

my $none = server("voiceai_otlp http://127.0.0.1:$port sample=0;");
my $seen = () = $lines->();
start_call($none, { host => 'plain', call => 'CAnone', turns => ['Hello', 0] });
$none->stop;
is(scalar(my @now = $lines->()), $seen, 'of calls that are not sampled nothing is sent');
my ($unsampled) = grep { $_->{traceparent} =~ /-00$/ } $engines->requests('well');
ok($unsampled, 'and engines are told so');

# ---- off

my $off = server('');
$seen = () = $lines->();
start_call($off, { host => 'plain', call => 'CAoff', turns => ['Hello', 0] });
$off->stop;
is(scalar(@now = $lines->()), $seen, 'without the directive nothing is sent');
is(($engines->requests('well'))[-1]{traceparent}, '', 'and nobody is told of a trace');

# ---- a collector that is away, and comes back

my $later = free_port();
my $away = server("voiceai_otlp http://127.0.0.1:$later;");
my ($spoke) = start_call($away,
    { host => 'plain', call => 'CAaway', turns => ['Hello', 'You said', 1500] });
like($spoke->{heard}[1], qr/You said/, 'a call does not need a collector');
ok($away->wait_log('the collector of traces failed'), 'that it is away is told');
my (undef, $back) = collector($later);
ok(wait_for(30, sub { grep { ($_->{attributes}{'voiceai.call.sid'} // '') eq 'CAaway' }
    map { @{$_->{spans} // []} } $back->() }), 'and it gets what was kept when it is back');
is(scalar(() = $away->log =~ /the collector of traces failed/g), 1, 'once');
ok($away->wait_log('takes spans'), 'as is its return');
$away->stop;

# ---- one that refuses, and one that never answers

my $refused = server("voiceai_otlp http://127.0.0.1:$port/400;");
start_call($refused, { host => 'plain', call => 'CArefused', turns => ['Hello', 1500] });
ok($refused->wait_log('traces failed with status 400'), 'a refusal is told');
$refused->stop;

my $some = server("voiceai_otlp http://127.0.0.1:$port/some;");
start_call($some, { host => 'plain', call => 'CAsome', turns => ['Hello', 0] });
ok($some->wait_log('rejected 1 spans'), 'and that of single spans');
$some->stop;

done_testing();
