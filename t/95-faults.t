# What goes wrong with a provider, by stage: what the caller hears, what the log
# tells, and that the call goes on.  No key is ever told.

use strict;
use warnings;
no warnings 'portable';

use lib 't/lib';
use Test::More;
use VoiceAI;
use VoiceAI::Engines;
use VoiceAI::Server;

my $engines = VoiceAI::Engines->new;
my $port = $engines->port;
my $nobody = free_port();
my $key = 'sk-whisper-this-to-nobody';

my %urls = (
    dns => 'http://no-such-host.invalid/v1',
    refused => "http://127.0.0.1:$nobody/v1",
    tls => "https://127.0.0.1:$port/well/v1",
);
my @faults = qw(dns refused tls hang slow middle cut 401 429 500 html huge empty odd);

# An engine of this fault with the key.
sub line
{
    my ($stage, $fault) = @_;
    my $url = $urls{$fault} // "http://127.0.0.1:$port/$fault/v1";
    my $format = $stage ne 'tts' ? '' : $fault eq 'odd' ? 'format=pcm' : 'format=ulaw';
    return "voiceai_$stage openai url=$url key=$key model=$stage-$fault $format "
        . "first_timeout=700ms idle_timeout=700ms connect_timeout=700ms max_fails=0;\n";
}

my %hosts;
for my $stage (qw(stt llm tts)) {
    for my $fault (@faults) {
        $hosts{"$stage-$fault"} = join '', map {
            $_ eq $stage ? line($stage, $fault) : $engines->line($_, 'well')
        } qw(stt llm tts);
    }
}

my $server = VoiceAI::Server->new(workers => 1, http => <<"END" . join '', map {
    voiceai_zone calls 2m;
    voiceai_signature off;
    voiceai_stream_token off;
    voiceai_greeting "Hello.";
    voiceai_apology "Sorry.";
    voiceai_farewell "";
    voiceai_silence_threshold 300ms;
    voiceai_public_url https://voice.example.com;
    voiceai_api_key the-key-of-the-interface;
END
    "server { listen 127.0.0.1:%%PORT%%; server_name $_; voiceai on;\n"
    . "$hosts{$_} }\n" } sort keys %hosts);

my %no_apology = map { $_ => 1 } qw(stt-odd llm-odd);
my @names = sort keys %hosts;
my %result;
@result{@names} = $engines->call($server, map { {
    host => $_, call => "CA-$_-", max => 9000, turns => /^tts/ ? [3500, 500]
        : $no_apology{$_} ? ['Hello', 'You said', 0] : ['Hello', 'Sorry', 300],
} } @names);

# ---- what is heard

for my $name (@names) {
    my ($stage, $fault) = split /-/, $name;
    my (undef, @heard) = @{$result{$name}{heard}};
    my $heard = join ' ', $stage eq 'tts' ? @{$result{$name}{heard}} : @heard;
    my $expected = $no_apology{$name} ? qr/^You said: number \d+ of (?:well|odd)$/
        : $stage ne 'tts' ? qr/^Sorry\.$/
        : $fault eq 'middle' ? qr/^Hello\. Sorry\. \(tones\)$/
        : $fault eq 'odd' ? qr/^$/
        : $fault eq "huge" ? qr/^(?:\((?:tones|clear)\) ?)+$/
        : qr/^(?:\(tones\) ?)+$/;
    like($heard, $expected, "$name: what the caller hears");
    is($result{$name}{code}, 1000, 'and the call goes on until he hangs up');
}

# ---- what is told

my $no_tls = qr/SSL|TLS|wrong version/i;
my %told = (
    dns => qr/status 0: .*no-such-host\.invalid/,
    refused => qr/status 0: connect to 127\.0\.0\.1:$nobody failed/,
    tls => qr/status 0: .*$no_tls/,
    hang => qr/status 0: no answer within 700ms/,
    slow => qr/status 200: no answer within 700ms/,
    middle => qr/status 200: no data for 700ms/,
    cut => qr/status 200: transfer from /,
    401 => qr/status 401: .*Incorrect API key/,
    429 => qr/status 429: .*Rate limit/,
    500 => qr/status 500: .*had an error/,
    html => qr/status 200: /,
    huge => qr/status 200: /,
    empty => qr/status 200: /,
);
my %says = (stt => 'recogniser', llm => 'model', tts => 'voice');
for my $name (@names) {
    my ($stage, $fault) = split /-/, $name;
    next if $fault eq 'odd' || $name eq 'tts-huge';
    my $log = $engines->told($server, "CA-$name- ");
    like($log, qr/\[error\].* $says{$stage} failed with $told{$fault}.*\(openai\/$name at /,
        "$name: what the log tells");
}

like($engines->told($server, 'CA-tts-odd- '), qr/assistant spoke, 6 characters/,
    'half a sample at the end is no failure');
like($server->access('CA-tts-odd-'), qr/failures=0/, 'and not counted as one');

# ---- keys

unlike($server->log, qr/nobody/, 'no key is in the log');
my (undef, $sessions) = $server->get('/sessions?ended=1', Host => 'stt-401',
    Authorization => 'Bearer the-key-of-the-interface');
like($sessions, qr/"count":[1-9]/, 'sessions');
unlike($sessions, qr/nobody/, 'tell none');
my (undef, $session) = $server->get('/session/CA-stt-401-', Host => 'stt-401',
    Authorization => 'Bearer the-key-of-the-interface');
like($session, qr/CA-stt-401-/, 'a session');
unlike($session, qr/nobody|the-key-of/, 'tells none');

# The memory that workers share, read from a worker.
my ($worker) = $server->workers;
my ($shared, $found, $calls) = (0, 0, 0);
open my $mem, '<:raw', "/proc/$worker/mem" or die "mem: $!";
for (split /\n/, VoiceAI::slurp("/proc/$worker/maps")) {
    my ($from, $to, $mode) = /^(\w+)-(\w+) (\S+)/ or next;
    next if $mode ne 'rw-s';
    my ($at, $end) = (hex $from, hex $to);
    sysseek $mem, $at, 0 or next;
    my $got = sysread $mem, my $data, $end - $at;
    next if !$got;
    $shared += $got;
    $calls += () = $data =~ /CA-stt-401-/g;
    $found += () = $data =~ /whisper-this-to-nobody|the-key-of-the-interface/g;
}
cmp_ok($shared, '>', 2 * 1024 * 1024, 'the memory that workers share');
cmp_ok($calls, '>', 0, 'has calls');
is($found, 0, 'but no key');

$server->stop(qr/(?:recogniser|model|voice) failed with status/);
done_testing;
