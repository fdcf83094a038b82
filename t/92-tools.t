# What a model can do: tools of the user's own, and what the module does to a
# call.

use strict;
use warnings;

use lib 't/lib';
use JSON::PP qw(decode_json);
use MIME::Base64 qw(encode_base64url);
use Test::More;
use VoiceAI;
use VoiceAI::Engines;
use VoiceAI::Server;

my $engines = VoiceAI::Engines->new;
my $port = $engines->port;

# A model that calls this tool with these arguments.
sub model
{
    my ($tool, $arguments) = @_;
    return $engines->line('llm', "$tool-" . encode_base64url($arguments));
}

my $tool = "http://127.0.0.1:$port/tool";
my %hosts = (
    order => model('order', '{"number":42,"name":"J\u00fcrgen"}'),
    stock => model('stock', '{"of":"milk & honey","in":["a",{"b":null}]}'),
    slow => model('slow', '{}'),
    fail => model('fail', '{}'),
    plain => model('plain', '{}'),
    broken => model('order', '{"number":'),
    none => model('nothing', '{}'),
    loop => $engines->line('llm', 'order-_again'),
    sales => model('transfer', '{"to":"sales"}'),
    mars => model('transfer', '{"to":"+15559999999"}'),
    keys => model('send_dtmf', '{"digits":"1w23#"}'),
    badkeys => model('send_dtmf', '{"digits":"1<2"}'),
    repeat => model('ask_to_repeat', '{}'),
    bye => model('hang_up', '{}'),
    off => model('hang_up', '{}') . 'voiceai_tools off;',
);

my $spoken = $engines->line('stt', 'well') . $engines->line('tts', 'well');
my $server = VoiceAI::Server->new(workers => 1, http => <<"END" . join '', map {
    $spoken
    voiceai_zone calls 2m;
    voiceai_signature off;
    voiceai_stream_token off;
    voiceai_greeting "Hello.";
    voiceai_silence_threshold 300ms;
    voiceai_public_url https://voice.example.com;
    voiceai_tools hang_up transfer send_dtmf repeat;
    voiceai_transfer_target sales +15550100077;
    voiceai_transfer_target support sip:help\@example.com;
    voiceai_tool_filler "Just a moment.";
    voiceai_tool_filler_after 500ms;
    voiceai_tool order $tool/order "description=Looks an order up."
        'schema={"type":"object","properties":{"number":{"type":"integer"}}}'
        key=hush-hush auth=bearer "header=X-Shop: 7";
    voiceai_tool stock $tool/stock?shop=7 method=GET;
    voiceai_tool slow $tool/slow;
    voiceai_tool fail $tool/fail;
    voiceai_tool plain $tool/plain method=DELETE;
END
    "server { listen 127.0.0.1:%%PORT%%; server_name $_; voiceai on;\n"
    . "$hosts{$_} }\n" } sort keys %hosts);

my %turns = (
    sales => ['Hello', 20000], keys => ['Hello', 20000], bye => ['Hello', 20000],
    repeat => ['Hello', 'say it again', 0], loop => ['Hello', 'You said', 2000],
    off => ['Hello', 'no such tool', 0],
);
my @names = sort keys %hosts;
my %result;
@result{@names} = $engines->call($server, map { {
    host => $_, call => "CA$_", max => 9000,
    turns => $turns{$_} // ['Hello', 'You said', 0],
} } @names);

# Returns what the caller heard after the greeting.
sub heard
{
    my ($name) = @_;
    my (undef, @heard) = @{$result{$name}{heard}};
    return join ' ', @heard;
}

# ---- services

is(heard('order'), 'Let me see. You said: {"word":"order"}',
    'what a tool answers is given to the model, and what it says is heard');
my ($asked) = grep { $_->{headers}{'x-voiceai-call'} eq 'CAorder' }
    $engines->requests('tool-order');
is("$asked->{method} $asked->{url}", 'POST /tool/order', 'which was asked for');
is_deeply(decode_json($asked->{text}), { number => 42, name => "J\x{fc}rgen" },
    'with the arguments of the model');
is_deeply($asked->{headers}, { 'x-voiceai-tool' => 'order', 'x-shop' => 7,
    'x-voiceai-call' => 'CAorder', authorization => 'Bearer hush-hush' },
    'the headers that are configured, and who calls');

my @rounds = $engines->requests((grep { /order/ } $hosts{order} =~ m{/(order-[^/]+)/})[0]);
is(scalar @rounds, 2, 'the model was asked twice');
my %declared = map { $_->{function}{name} => $_->{function} }
    @{$rounds[0]{body}{tools}};
is(join(' ', sort keys %declared), 'ask_to_repeat fail hang_up order plain '
    . 'send_dtmf slow stock transfer', 'and told what there is');
is_deeply($declared{order}, { name => 'order', description => 'Looks an order up.',
    parameters => { type => 'object', properties => { number => { type => 'integer' } } } },
    'with description and schema');
is_deeply($declared{transfer}{parameters}{properties}{to}{enum}, ['sales', 'support'],
    'and the names, not the numbers, to which a caller can be transferred');
my ($said, $result) = @{$rounds[1]{body}{messages}}[-2, -1];
is($said->{content}, 'Let me see.', 'the second time it knows what it said');
is($said->{tool_calls}[0]{id}, $result->{tool_call_id}, 'and what came of its call');

is(heard('stock'), 'Let me see. You said: {"word":"stock"}', 'a tool by GET');
is(($engines->requests('tool-stock'))[0]{url},
    '/tool/stock?shop=7&of=milk+%26+honey&in=%5B%22a%22%2C%7B%22b%22%3Anull%7D%5D',
    'has its arguments in the query');
is(heard('slow'), 'Let me see. Just a moment. You said: {"word":"slow"}',
    'the caller is told when it takes long');
is(heard('fail'),
    'Let me see. You said: {"error":"the service failed with status 500"}',
    'the model hears of a failure');
like($engines->told($server, 'CAfail'),
    qr/\[error\].* tool "fail" failed with status 500: .*the shop is closed/, 'and the log');
is(heard('plain'), 'Let me see. You said: {}', 'an answer without a body will do');
like(heard('broken'), qr/You said: \{"error":/, 'arguments that are no JSON will not');
is(heard('none'), 'Let me see. You said: {"error":"there is no such tool"}',
    'nor a tool that there is not');
is(scalar(() = heard('loop') =~ /Let me see/g), 6, 'who never has enough is stopped');
like($engines->told($server, 'CAloop'), qr/model calls for too many tools/, 'which is told');

# ---- what the module does

sub next_twiml
{
    my ($name) = @_;
    my (undef, $twiml) = $server->get("/voice/continue?CallSid=CA$name", Host => $name);
    return $twiml;
}

is(heard('sales'), 'Let me see.', 'a transfer waits until the caller has heard all');
is($result{sales}{code}, 1000, 'then the stream is closed');
like(next_twiml('sales'), qr{<Dial[^>]*>.*\+15550100077.*</Dial>}, 'and Twilio dials');
is(heard('mars'), 'Let me see. You said: {"error":"the caller may not be '
    . 'transferred there"}', 'a number that is not configured is not dialled');

is(heard('keys'), 'Let me see.', 'keys are pressed when all was heard');
like(next_twiml('keys'), qr{<Play digits="1w23#"/><Connect>}, 'and the call goes on');
like(heard('badkeys'), qr/digits must be/, 'other characters are not keys');

is(heard('repeat'), 'Let me see. Sorry, I did not catch that. Could you say it again?',
    'the caller is asked to say it again');
is(heard('bye'), 'Let me see.', 'the model hangs up');
like($engines->told($server, 'CAbye'), qr/the conversation is over/, 'for good');
like(next_twiml('bye'), qr{<Hangup/>}, 'by Twilio');
is(heard('off'), 'Let me see. You said: {"error":"there is no such tool"}',
    'but not where it may not');
unlike($server->log, qr/hush/, 'the key of a tool is not told');

$server->stop(qr/tool "(?:fail|order)" failed/);
done_testing;
