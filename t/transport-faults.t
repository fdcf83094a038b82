#!/usr/bin/env perl

# Each fault of a provider at each stage, at the level of the transport: what
# the job reports.  Those of recognisers that stream are in
# transport-streams.t, those of TLS in transport-tls.t.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use JSON::PP ();
use Test::More;
use Time::HiRes qw(time sleep);

use lib dirname(abs_path(__FILE__)) . '/lib';
use VoiceAI::Transport;

# ngx_http_voiceai_fault_e
my %fault;
@fault{qw(none local request resolve connect tls timeout status cut response
    unread)} = 0 .. 10;

my $slack = slack();
my ($server, $told) = faulty('providers/faults.js');
my $base = "http://127.0.0.1:$told->{port}";

start_nginx();

# Deadlines that a good answer keeps even here, and a hanging one soon meets.
my %soon = (first => 400 * $slack, idle => 400 * $slack);

sub ask {
    my ($stage, $url, %args) = @_;
    return job(stage => $stage, url => $url, key => 'sk-good', size => 4000,
        format => 'pcm', %args);
}

sub fails {
    my ($stage, $name, $class, $status, $text, $url, %args) = @_;
    my $r = ask($stage, $url =~ /:/ ? $url : "$base/$url/v1", %args);
    is_deeply([@$r{qw(done failed fault status late)}],
        [0, 1, $fault{$class}, $status, 0],
        "$stage, $name: $class, status $status") or diag(explain($r));
    like($r->{text}, $text, "$stage, $name: says why");
    unlike($r->{text}, qr/sk-|\n/, "$stage, $name: one line without the key");
    return $r;
}

# What is good for one of them, or not told in the same way.
my %good = (stt => 'All is well.', llm => 'All is well.', tts => '');

for my $stage (qw(stt llm tts)) {
    my $r = ask($stage, "$base/ok/v1");
    is_deeply([@$r{qw(done failed text)}], [1, 0, $good{$stage}],
        "$stage: a good answer") or diag(explain($r));
    $r = ask($stage, "$base/drip/v1");
    is($r->{done}, 1, "$stage: a good answer, byte by byte");

    fails($stage, 'DNS', 'resolve', 0, qr/^host of nosuch\.invalid was not/,
        'http://nosuch.invalid/v1');
    fails($stage, 'refused', 'connect', 0, qr/^connect to .*refused/,
        "http://127.0.0.1:$told->{refused}/v1");
    fails($stage, 'hang before the head', 'timeout', 0,
        qr/^no answer within \d+ms/, 'silent', %soon);
    fails($stage, 'hang after the head', 'timeout', 200,
        qr/^no answer within \d+ms/, 'headers', %soon);
    fails($stage, 'hang in the middle', 'timeout', 200,
        qr/^no data for \d+ms/, 'middle', %soon);
    fails($stage, 'reset in the middle', 'cut', 200, qr/^transfer from /,
        'cut');

    my $refused = fails($stage, '401', 'status', 401, qr/told to say 401/,
        '401');
    is($refused->{why}, 2, "$stage, 401: the key is refused");
    fails($stage, 'wrong key', 'status', 401, qr/Incorrect API key/, 'ok',
        key => 'sk-very-secret');
    my $limited = fails($stage, '429', 'status', 429, qr/told to say 429/,
        '429');
    is_deeply([@$limited{qw(retry_after why)}], [7, 4],
        "$stage, 429: says when to come back");
    my $quota = fails($stage, 'quota', 'status', 429, qr/quota/, 'quota');
    is($quota->{why}, 3, "$stage, quota: no use to come back");
    my $broken = fails($stage, '500', 'status', 500, qr/told to say 500/,
        '500');
    is($broken->{why}, 5, "$stage, 500: a trouble of the server");
    fails($stage, '503', 'status', 503, qr/told to say 503/, '503');
    fails($stage, 'a page', 'response', 200, qr/./, 'html');
    fails($stage, 'an error after 200', 'response', 200,
        qr/the model fell over/, 'error');
    fails($stage, '100 MB', 'response', 200, qr/too (large|long|much|big)|over/,
        'huge');
}

# An orderly end too early, and answers of nothing.

fails('stt', 'half an answer', 'response', 200, qr/./, 'short');
fails('stt', 'half an object', 'response', 200, qr/./, 'json');
fails('llm', 'half a line', 'response', 200, qr/./, 'short');
fails('llm', 'not events', 'response', 200, qr/./, 'json');
fails('tts', 'no audio', 'response', 200, qr/./, 'empty');

my $r = ask('stt', "$base/empty/v1");
is_deeply([@$r{qw(done text)}], [1, ''], 'stt: nothing was understood');
$r = ask('llm', "$base/empty/v1");
ok($r->{done} + $r->{failed} == 1 && $r->{text} !~ /sk-/,
    'llm: a reply of nothing comes to an end');

my $whole = ask('tts', "$base/ok/v1");
cmp_ok($whole->{bytes}, '>=', 7900, 'tts: a second of audio');
cmp_ok($whole->{bytes}, '<=', 8100, 'tts: and no more');
$r = ask('tts', "$base/odd/v1");
is_deeply([@$r{qw(done bytes)}], [1, $whole->{bytes}],
    'tts: half a sample at the end is left out') or diag(explain($r));

# ---- three requests of a thousand calls at once, on one thread

$r = ask('llm', "$base/ok/v1", count => 20);
my $start = time;
my @clients = map { open_job(stage => $_, url => "$base/later/v1",
    key => 'sk-good', size => 400, format => 'pcm', count => 1000,
    connect => 20000, first => 30000, total => 60000) } qw(stt llm tts);
my @told = map { my $s = $_; local $/; <$s> } @clients;
my $spent = time - $start;
for my $i (0 .. 2) {
    my ($json) = $told[$i] =~ /(\{.*\})/;
    my $t = JSON::PP::decode_json($json // '{}');
    is_deeply([@$t{qw(done failed refused)}], [1000, 0, 0],
        (qw(stt llm tts))[$i] . ': 1000 requests at once') or diag($json);
    cmp_ok($t->{total}, '<', 6000 * $slack,
        "none of which waits for others ($t->{total} ms of 1000)");
}
note(join "\n", @told);
cmp_ok($spent, '<', 8 * $slack, sprintf 'all of them in %.1f s', $spent);

ok(settled(5), 'nothing is left');
stop(nginx_pid(), 'QUIT');
is(alerts(), '', 'no alert');
is(sanitizer_reports(), '', 'no report of a sanitizer');
stop($server, 'TERM');
done_testing();
