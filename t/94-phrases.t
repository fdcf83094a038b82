# Fixed phrases: synthesised once for all workers.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use VoiceAI;
use VoiceAI::Engines;
use VoiceAI::Server;

my $engines = VoiceAI::Engines->new;

my %hosts = (
    burst => $engines->line('tts', 'burst'),
    off => $engines->line('tts', 'off'),
    other => $engines->line('tts', 'burst', 'voice=other'),
    ill => $engines->line('tts', 'ill', 'max_fails=0') . $engines->line('tts', 'mouth'),
    many => $engines->line('tts', 'many'),
);

sub server
{
    my ($cache, %more) = @_;
    my $spoken = $engines->line('stt', 'well') . $engines->line('llm', 'well');
    return VoiceAI::Server->new(workers => 2, http => <<"END" . join '', map {
    $spoken
    $cache
    voiceai_zone calls 2m;
    voiceai_signature off;
    voiceai_stream_token off;
    voiceai_silence_threshold 300ms;
    voiceai_public_url https://voice.example.com;
    voiceai_apology "";
    voiceai_reask "";
    map \$voiceai_call_sid \$who { default "Hello"; "~CAmany(?<n>.*)" "Hello \$n"; }
    voiceai_greeting "\$who, nice to hear you.";
END
        "server { listen 127.0.0.1:%%PORT%%; server_name $_; voiceai on;\n"
        . "$hosts{$_} }\n" } sort keys %hosts);
}

# Returns how often the voice of this name was asked for this text.
sub asked
{
    my ($name, $text) = @_;
    return scalar grep { $_->{body}{input} eq $text } $engines->requests($name);
}

my $hello = 'Hello, nice to hear you.';
my $server = server('voiceai_phrase_cache 1m;');

my @results = $engines->call($server, map { { host => 'burst', turns => ['nice', 0] } } 1 .. 20);
is(scalar(grep { "@{$_->{heard}}" eq $hello } @results), 20,
    'twenty callers at once hear the greeting');
is(asked('burst', $hello), 1, 'which was synthesised once');
$server->signal('HUP');
ok($server->wait_log('gracefully shutting down'), 'a reload');
@results = $engines->call($server, { host => 'burst', turns => ['nice', 0] });
is("@{$results[0]{heard}}", $hello, 'the next caller');
is(asked('burst', $hello), 1, 'hears the same, of another worker');
@results = $engines->call($server, { host => 'other', turns => ['nice', 0] });
is(asked('burst', $hello), 2, 'another voice is another phrase');

$engines->set('ill', '500');
@results = $engines->call($server, map { { host => 'ill', turns => ['nice', 0] } } 1 .. 5);
is(scalar(grep { "@{$_->{heard}}" eq $hello } @results), 5,
    'the stand-in of a voice that fails greets five callers');
cmp_ok(asked('mouth', $hello), '<=', 2, 'with one phrase');

# More than fits: the oldest go.
$engines->call($server, map { { host => 'many', call => sprintf('CAmany%03d', $_),
    turns => ['nice', 0] } } 1 .. 40);
is(asked('many', 'Hello 007, nice to hear you.'), 1, 'many phrases are kept');
unlike($server->log, qr/no memory/, 'and nobody complains');
$server->stop(qr/voice failed/);

$server = server('voiceai_phrase_cache off;');
@results = $engines->call($server, map { { host => 'off', turns => ['nice', 0] } } 1 .. 5);
is(scalar(grep { "@{$_->{heard}}" eq $hello } @results), 5, 'without shared memory');
cmp_ok(asked('off', $hello), '>=', 1, 'each worker keeps its own');
$server->stop;

done_testing;
