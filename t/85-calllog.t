# The call log in SQLite: what is kept of calls and when it is safe, what is
# not kept, how it is read back, and what of older versions becomes.

use strict;
use warnings;

use lib 't/lib';
use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes qw(sleep time);
use VoiceAI;
use VoiceAI::CallLog;
use VoiceAI::Http;
use VoiceAI::Server;
use VoiceAI::Stream;

my $dir = scratch();
my $db = "$dir/calls.db";
my $key = 'key-of-the-log';

# Two minutes of a voice, which is as loud as it is dull.
open my $speech, '>', "$dir/speech" or die;
print $speech "\x90\x10" x (8000 * 2);
close $speech;

# A caller's, because not everything that is loud is one.
my ($failed, $voice) = run_command('sox',
    '/usr/share/asterisk/sounds/en_US_f_Allison/vm-goodbye.wav', '-t', 'raw',
    '-r', '8000', '-e', 'mu-law', '-c', '1', '-');
die "sox: $voice" if $failed;

# A database of the version before, with a call in it.
sub sqlite
{
    my ($sql) = @_;
    my ($status, $text) = run_command('sqlite3', '-cmd', '.timeout 5000', $db, " $sql");
    die "$sql: $text\n" if $status != 0;
    chomp $text;
    return $text;
}

sqlite(VoiceAI::slurp(project_root() . '/t/store/schema-1.sql'));

sub config
{
    my ($log) = @_;
    return (workers => 2, http => <<"END");
    $log
    voiceai_zone calls 2m;
    voiceai_public_url https://voice.example.com;
    voiceai_signature off;
    voiceai_api_key $key;
    voiceai_llm builtin;
    voiceai_greeting "Hello there.";
    voiceai_stt openai url=http://127.0.0.1:%%TLS%%/v1;
    voiceai_tts openai url=http://127.0.0.1:%%TLS%%/v1 format=ulaw rate=8000;

    server {
        listen 127.0.0.1:%%PORT%%;
        server_name voice.example.com;
        voiceai on;
        voiceai_mode gather;
        voiceai_gather_input "dtmf speech";
    }
    server {
        listen 127.0.0.1:%%PORT%%;
        server_name stream.example.com;
        voiceai on;
        voiceai_silence_threshold 300ms;
    }
    server {
        listen 127.0.0.1:%%PORT%%;
        server_name named.example.com;
        voiceai_api_key off;
        location /a/b { voiceai_calls; }
        location /board { voiceai_dashboard; }
    }
    server {
        listen 127.0.0.1:%%TLS%%;
        access_log off;
        location = /v1/audio/transcriptions {
            return 200 '{"text":"what time is it"}';
        }
        location = /v1/audio/speech {
            default_type audio/basic;
            alias $dir/speech;
            error_page 405 =200 \$uri;
        }
    }
END
}

my %options = config(
    "voiceai_call_log sqlite:$db; voiceai_redact card dtmf email;");
my $server = VoiceAI::Server->new(%options);
my $port = $server->port;
my $calls = VoiceAI::CallLog->new($server);

sub api
{
    my ($path, %more) = @_;
    return ask($port, "GET $path", key => $key, %more);
}

sub sids
{
    my ($query) = @_;
    my $answer = api("/calls$query");
    return "$answer->{status} $answer->{body}" if $answer->{status} != 200;
    return join ' ', map { $_->{call_sid} } @{$answer->{json}{calls}};
}

# ---- what is safe, and when

$calls->begin('CA1');
$calls->turn('CA1', 'what time is it');
ok(wait_for(1, sub { sqlite("SELECT count(*) FROM turns WHERE call_sid = 'CA1'") == 3 }),
    'a turn is in the database within a second');

for my $round (1 .. 20) {
    my $text = $calls->turn('CA1');
    next if $round % 5;
    is($calls->status('CA1', $round == 20 ? 'completed' : 'in-progress')->{status},
        200, 'a status');
    is(sqlite("SELECT count(*) FROM turns WHERE call_sid = 'CA1' AND text = '$text'"),
        1, 'what was said is there when a status is answered');
}
is(sqlite("SELECT status, mode, from_number, to_number, direction, failed,"
        . " ended_at >= started_at FROM calls WHERE call_sid = 'CA1'"),
    'completed|gather|+15550100001|+15550100002|inbound|0|1', 'the call');
is(sqlite("SELECT count(*) FROM events WHERE call_sid = 'CA1' AND name = 'announced'"),
    1, 'an event');

# ---- what is not kept

$calls->begin('CA2', from => '+15550100099');
for (['my card is 4242 4242 4242 4242', 'my card is [card]'],
    ['mail bob@example.com', 'mail [email]'],
    ['call 555 0100 123', 'call 555 0100 123']) {
    my ($said, $kept) = @$_;
    ask($port, 'POST /voice/process-speech', form => $calls->form('CA2',
        form => { SpeechResult => $said, Confidence => 0.5 }));
    $calls->status('CA2', 'in-progress');
    is(sqlite("SELECT count(*) FROM turns WHERE text = '$kept'"), 1, $kept);
}
ask($port, 'POST /voice/process-speech', form => $calls->form('CA2',
    form => { Digits => '1234#' }));
$calls->status('CA2', 'busy', RecordingSid => 'RE1', RecordingDuration => 12,
    RecordingUrl => 'https://api.twilio.com/RE1');
is(sqlite("SELECT text FROM turns WHERE call_sid = 'CA2' AND confidence > 0.99"),
    '*****', 'keys');
unlike(VoiceAI::slurp($db) . VoiceAI::slurp("$db-wal") . $server->log,
    qr/4242|bob\@|1234#/, 'nowhere else either');
is(sqlite('SELECT recording_sid, call_sid, seconds FROM recordings'), 'RE1|CA2|12',
    'a recording');

# ---- a call with a stream

{
    my $hook = ask($port, 'POST /voice/incoming', host => 'stream.example.com',
        form => $calls->form('CA3', form => { CallStatus => 'ringing' }));
    my ($token) = $hook->{body} =~ /name="token" value="(\w+)"/;
    my $stream = VoiceAI::Stream->open($port, Host => 'stream.example.com');
    my $where = "FROM turns WHERE call_sid = 'CA3' AND role = 'user'";
    my $at = 0;
    $stream->text(start_message('CA3', undef,
        parameters => qq({"token":"$token"})));
    for my $piece (unpack '(a160)*', $voice . "\xff" x 8000) {
        $stream->text(media_message('MZCA3', $at++, $piece));
        sleep 0.01;
    }
    ok(wait_for(20, sub { sqlite("SELECT count(*) $where") > 0 }),
        'the caller of a stream is in the log');
    is(sqlite("SELECT text $where LIMIT 1"), 'what time is it', 'by its words');
    $stream->close;
    ok(wait_for(10, sub {
        sqlite("SELECT count(*) FROM events WHERE call_sid = 'CA3'"
            . " AND name IN ('announced', 'stream-started', 'stream-ended')") == 3 }),
        'so are the events of its stream');
}

# ---- reading back

my $list = api('/calls');
is($list->{status}, 200, 'a list');
is($list->{json}{count}, 4, 'all calls');
is(sids(''), 'CA3 CA2 CA1 CAold', 'the newest first');
is(sids('?from=%2B15550100099'), 'CA2', 'from a number');
is(sids('?to=%2B15550100002&from=%2B15550100077'), 'CAold', 'to a number');
is(sids('?number=%2B15550100077'), 'CAold', 'of a number');
is(sids('?status=completed'), 'CA1 CAold', 'with a status');
is(sids('?failed=1'), 'CA2', 'that failed');
is(sids('?failed=0&until=2024-01-01'), 'CAold', 'before a day');
is(sids('?since=1700000000&until=1700000001'), 'CAold', 'in a second');
is(sids('?since=2023-11-14T22:13:21Z'), 'CA3 CA2 CA1', 'since a moment');
like(sids('?min_latency=2000'), qr/\bCAold$/,
    'that were slow, by what a migration found');
is(sids('?from=x%27%20OR%201=1'), '', 'a quote is a quote');

{
    my ($cursor, @all) = ('');
    for (1 .. 5) {
        my $page = api("/calls?limit=1$cursor")->{json};
        push @all, map { $_->{call_sid} } @{$page->{calls}};
        last if !defined $page->{next};
        $cursor = "&cursor=$page->{next}";
    }
    is("@all", 'CA3 CA2 CA1 CAold', 'pages');
    like(api('/calls?limit=2&failed=0')->{head},
        qr/^Link: <\?limit=2&failed=0&cursor=[^>]+>; rel=next\r?$/m,
        'the next page in a header');
}

for (['?limit=0', qr/limit/], ['?limit=1001', qr/limit/], ['?since=yesterday', qr/since/],
    ['?until=2024-02-31', qr/until/], ['?cursor=x', qr/cursor/], ['?format=xml', qr/format/],
    ['?failed=2', qr/failed/], ['?min_latency=-1', qr/min_latency/],
    ['?fish=1', qr/no such parameter/], ['?from=%0', qr/malformed/]) {
    my $answer = api("/calls$_->[0]");
    is($answer->{status}, 400, "$_->[0]: refused");
    like($answer->{json}{error}, $_->[1], "$_->[0]: says why");
}

my $one = api('/calls/CAold')->{json};
is($one->{max_latency_ms}, 2500, 'one call');
is_deeply([map { "$_->{role}: $_->{text}" } @{$one->{conversation}}],
    ['assistant: Slow.', 'user: Indeed.', 'assistant: Faster.'], 'its conversation');
is(api('/calls/CA2')->{json}{recordings}[0]{recording_sid}, 'RE1', 'its recording');
is(api('/calls/CA2')->{json}{failed}, JSON::PP::true, 'that it failed');
is(api('/calls/CAnone')->{status}, 404, 'no such call');
is(api('/calls/CAold/turns.txt')->{status}, 404, 'no such page');
is(api('/calls/' . 'C' x 200)->{status}, 404, 'a long name');
is(api('/calls/CAold/transcript.txt')->{body}, <<'END', 'a transcript');
Call CAold from +15550100077 to +15550100002
2023-11-14 22:13:20 UTC

[22:13:21] Assistant: Slow.
[22:13:23] Caller: Indeed.
[22:13:24] Assistant: Faster.
END

sqlite("UPDATE calls SET answered_by = '=1+1,\"x\"' WHERE call_sid = 'CAold'");
my $csv = api('/calls.csv');
like($csv->{type}, qr{^text/csv}, 'CSV');
is(scalar(() = $csv->{body} =~ /\r\n/g), 5, 'a head and a line for each call');
like($csv->{body}, qr/^CAold,,\+15550100077,\+15550100002,,,completed,"'=1\+1,""x""",2023-11-14T22:13:20Z,/m,
    'a formula is none any more, a number is still one');
is(api('/calls?format=csv')->{body}, $csv->{body}, 'the same by a parameter');

is(ask($port, 'GET /calls')->{status}, 401, 'not without the key');
is(ask($port, 'POST /calls', key => $key)->{status}, 404, 'nothing to be posted');
is(api('/calls/CA1/hangup')->{status}, 405, 'a command is no page');
is(ask($port, 'GET /a/b', host => 'named.example.com')->{json}{count}, 4, 'in a location');
is(ask($port, 'GET /a/b/CAold', host => 'named.example.com')->{json}{call_sid}, 'CAold',
    'a call in a location');
is(ask($port, 'GET /board/api/calls', host => 'named.example.com')->{json}{count}, 4,
    'below the dashboard');
is(ask($port, 'GET /board/api/calls/CAold', host => 'named.example.com')->{json}{call_sid},
    'CAold', 'a call below the dashboard');
is(ask($port, 'GET /a/b.csv', host => 'named.example.com')->{status}, 200,
    'CSV in a location');

# Readers who go away, and many at once.
{
    my @sockets = map { send_request($port, 'GET /calls', key => $key) } 1 .. 60;
    close $_ for @sockets[0 .. 29];
    like(answer($_)->{status}, qr/^(?:200|503)$/, 'one of many readers')
        for @sockets[50 .. 59];
}
ok(wait_for(10, sub { api('/calls')->{status} == 200 }), 'and then it is as before');

# ---- the queries of the documentation

{
    my $text = VoiceAI::slurp(project_root() . '/docs/operations.md');
    my @queries = $text =~ /^```sql\n(.*?)^```/msg;
    cmp_ok(scalar @queries, '>=', 6, 'the documentation has queries');
    for my $sql (@queries) {
        my ($name) = $sql =~ /^-- (.*)/;
        my ($status, $out) = run_command('sqlite3', '-cmd', '.timeout 5000', $db, " $sql");
        is($status, 0, "it runs: $name") or diag $out;
        isnt($out, '', "and says something: $name");
    }
}

{
    my $text = api('/metrics')->{body};
    like($text, qr/^voiceai_log_up 1$/m, 'the metrics tell of the database');
    like($text, qr/^voiceai_log_written_total [1-9]\d+$/m, 'and of what was written');
    like($text, qr/^voiceai_log_lost_total 0$/m, 'and that nothing was lost');
}

# ---- the end of a server, and its retention

$calls->begin('CA4');
my $last = $calls->turn('CA4');
$server->stop;
is(sqlite("SELECT count(*) FROM turns WHERE text = '$last'"), 1,
    'what was said last is there when the server has ended');

$server = VoiceAI::Server->new(config("voiceai_call_log sqlite:$db;"
    . ' voiceai_call_log_keep 365d; voiceai_redact phone;'));
$port = $server->port;
$calls = VoiceAI::CallLog->new($server);
ok(wait_for(10, sub { !sqlite("SELECT count(*) FROM calls WHERE call_sid = 'CAold'") }),
    'an old call is deleted');
is(sqlite("SELECT count(*) FROM turns WHERE call_sid = 'CAold'"), 0, 'with its turns');
is(sids(''), 'CA4 CA3 CA2 CA1', 'others are not');
sleep 1;
$calls->begin('CA5', from => '+15550100055');
$calls->status('CA5', 'completed');
is(sqlite("SELECT from_number FROM calls WHERE call_sid = 'CA5'"), '+*********55',
    'a number of which little is kept');
is(sids('?from=%2B15550100055'), 'CA5', 'and which can be found all the same');

# A later version's database is left alone.
$server->stop;
sqlite('UPDATE voiceai_schema SET version = 99');
$server = VoiceAI::Server->new(config("voiceai_call_log sqlite:$db;"));
$port = $server->port;
$calls = VoiceAI::CallLog->new($server);
$calls->begin('CA6');
ok($server->wait_log(qr/the schema is of version 99, this program knows 2/), 'it says so');
is(api('/calls')->{status}, 503, 'and does not read it');
sqlite('UPDATE voiceai_schema SET version = 2');
ok(wait_for(20, sub { sqlite("SELECT count(*) FROM calls WHERE call_sid = 'CA6'") }),
    'what waited meanwhile is there');
$server->stop(qr/schema is of version 99/);

done_testing;
