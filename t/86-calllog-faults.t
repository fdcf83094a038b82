# The call log when things break: the database goes, hangs or is far behind,
# disks are full, workers are killed.  After each of it every turn that was
# finished is in the database once, or was counted as lost.
#
#   VOICEAI_CALLS (40) calls at once; VOICEAI_AWAY (1) seconds without a database

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use Time::HiRes qw(sleep time);
use VoiceAI;
use VoiceAI::CallLog;
use VoiceAI::Http;
use VoiceAI::Postgres;
use VoiceAI::Server;

# Workers get it from here: a file over its limit is an error, not their end.
$SIG{XFSZ} = 'IGNORE';

my $many = $ENV{VOICEAI_CALLS} // 40;
my $away = $ENV{VOICEAI_AWAY} // 1;

my $dir = scratch();
chmod 0755, $dir;
my $pg = VoiceAI::Postgres->new;
my ($server, $calls);

sub serve
{
    my ($log) = @_;
    $server = VoiceAI::Server->new(workers => 3, http => <<"END");
    $log
    voiceai_zone calls 16m;
    voiceai_public_url https://voice.example.com;
    voiceai_signature off;
    voiceai_api_key off;
    voiceai_llm builtin;
    voiceai_mode gather;
    server {
        listen 127.0.0.1:%%PORT%%;
        server_name voice.example.com;
        voiceai on;
        voiceai_greeting "Hello there.";
    }
END
    $calls = VoiceAI::CallLog->new($server);
}

sub postgres { return $pg->query($_[0]) }

sub sqlite
{
    my ($sql) = @_;
    my ($status, $text) = run_command('sqlite3', '-cmd', '.timeout 5000',
        "$dir/calls.db", $sql);
    return '' if $status != 0;
    chomp $text;
    return $text;
}

# One turn in each of the calls, for some seconds.
sub talk
{
    my ($seconds, @sids) = @_;
    my $end = time + $seconds;
    do {
        for my $sid (@sids) {
            $calls->turn($sid);
        }
    } while (time < $end);
}

# A status, and the seconds until it was answered.
sub status
{
    my ($sid) = @_;
    my $begin = time;
    my $answer = $calls->status($sid, 'in-progress');
    return ($answer->{status}, time - $begin);
}

sub lost
{
    my $sum = 0;
    $sum += $_ for $server->log =~ /(\d+) records of the call log were lost/g;
    return $sum;
}

# ---- PostgreSQL goes, comes, hangs

$pg->query(VoiceAI::slurp(project_root() . '/t/store/schema-1.sql'));
serve("voiceai_call_log '@{[$pg->url]}' journal=$dir/journal;");
my @sids = map { sprintf 'CApg%03d', $_ } 1 .. $many;
$calls->begin($_) for @sids;
ok(wait_for(10, sub { $pg->query('SELECT version FROM voiceai_schema') == 2 }),
    'a schema of the version before is brought up to date');
is($pg->query("SELECT max_latency_ms FROM calls WHERE call_sid = 'CAold'"), 2500,
    'and what it had is there');
$pg->query("DELETE FROM turns WHERE call_sid = 'CAold'");
$pg->query("DELETE FROM calls WHERE call_sid = 'CAold'");

talk(0.5, @sids);
is($calls->settle(\&postgres), '', "$many calls are in PostgreSQL");
is(ask($server->port, 'GET /calls?limit=1000')->{json}{count}, $many, 'and can be read');
is(ask($server->port, "GET /calls/$sids[0]")->{json}{status}, 'ringing', 'each of them');
like(ask($server->port, "GET /calls/$sids[0]/transcript.txt")->{body},
    qr/Assistant: Hello there\.\n.*Caller: turn number/, 'and what was said');
is(join(' ', map { $_->{call_sid} } @{ask($server->port,
    'GET /calls?since=2020-01-01&number=%2B15550100001&limit=2')->{json}{calls}}),
    "$sids[-1] $sids[-2]", 'with filters');

$pg->stop;
talk($away / 2, @sids);
my ($code, $took) = status($sids[0]);
is($code, 200, 'a status is answered without a database');
cmp_ok($took, '<', 1.5, 'within its time');
ok(-s (glob "$dir/journal/*.vj")[0], 'there is a journal');
is(ask($server->port, 'GET /calls')->{status}, 503, 'nothing can be read meanwhile');
talk($away / 2, @sids);
$pg->start;
talk(0.5, @sids);
is($calls->settle(\&postgres), '', 'all of it is there when it is back');
ok(wait_for(10, sub { !glob "$dir/journal/*.vj" }), 'and the journal is gone');

$pg->pause;
talk(0.3, @sids[0 .. 9]);
($code, $took) = status($sids[1]);
is($code, 200, 'a status is answered though the database hangs');
cmp_ok($took, '<', 2, 'within its time');
talk(0.3, @sids[0 .. 9]);
$pg->resume;
is($calls->settle(\&postgres), '', 'all of it is there when it goes on');

# A database that takes everything but a certain record.
$pg->query("ALTER TABLE turns ADD CONSTRAINT odd CHECK (text <> 'a bad word')");
$calls->turn($sids[2]);
ask($server->port, 'POST /voice/process-speech', form => $calls->form($sids[2],
    form => { SpeechResult => 'a bad word', Confidence => 1 }));
$calls->{turns}++;
$calls->turn($sids[2]);
is($calls->settle(\&postgres), '', 'a record that is refused stops no other');
ok($server->wait_log(qr/refuses a record: .*odd/), 'and is told of');
is($pg->query('SELECT count(*) FROM turns WHERE interrupted = 1'), 0, 'no rest');

# ---- workers killed between the end of a turn and its commit

for my $round (1 .. 3) {
    $pg->pause;
    $calls->turn($_) for @sids[0 .. 4];
    my @workers = $server->workers;
    kill 'KILL', @workers;
    $pg->resume;
    ok(wait_for(10, sub {
        my %old = map { $_ => 1 } @workers;
        my @now = grep { !$old{$_} } $server->workers;
        return @now == 3;
    }), 'other workers stand in');
}
is($calls->settle(\&postgres), '', 'what killed workers had is there, once');

# ---- no database, and no disk

$pg->stop;
my $room = (-s $server->dir . '/error.log') + 300 * 1024;
run_command('prlimit', "--fsize=$room:$room", '--pid', $_) for $server->workers;
my $words = 'many words ' x 100;
my $n = 0;
while ($server->log !~ /journal takes nothing/ && $n++ < 2000) {
    $calls->turn($sids[$n % @sids], "$n $words");
}
like($server->log, qr/journal takes nothing: the journal could not be written/,
    'a full disk is told of');
$calls->turn($_) for @sids;
run_command('prlimit', '--fsize=unlimited:unlimited', '--pid', $_) for $server->workers;
$pg->start;
is($calls->settle(\&postgres), '', 'the queue kept what found no place');
is(lost(), 0, 'and lost nothing');
ok(wait_for(10, sub { !glob "$dir/journal/*.vj" }), 'the journal is gone');
$calls->turn($sids[0]);
$pg->stop;
$calls->turn($sids[1]);
$server->stop(qr/call log's (?:database|journal)|refuses a record|could not be read|exited on signal 9/);
unlike($server->log, qr/not-told/, 'no password in the log');

# What was in the journal when the server ended is there after its next start.
$pg->start;
my $before = $calls;
serve("voiceai_call_log '@{[$pg->url]}' journal=$dir/journal;");
is($before->settle(\&postgres), '', 'a journal of an earlier server is read');
$server->stop;
$pg->stop;

# ---- SQLite: killed at any time, and a loss that is counted

serve("voiceai_call_log sqlite:$dir/calls.db queue=128k journal_size=128k;");
@sids = map { "CAlite$_" } 1 .. 5;
$calls->begin($_) for @sids;
for (1 .. 40) {
    $calls->turn($sids[$_ % 5]);
    if ($_ % 8 == 0) {
        my @workers = $server->workers;
        kill 'KILL', $workers[rand @workers];
        wait_for(5, sub { $server->workers == 3 });
    }
}
$server->signal('HUP');
$calls->turn($sids[$_ % 5]) for 1 .. 20;
is($calls->settle(\&sqlite), '', 'SQLite has it all, once');

# Somebody takes the file's place, the journal is full, then the queue.
rename "$dir/calls.db", "$dir/calls.old";
mkdir "$dir/calls.db";
my $turns = 0;
while (!lost() && $turns < 2000) {
    for (1 .. 10) {
        ask($server->port, 'POST /voice/process-speech', form => $calls->form($sids[0],
            form => { SpeechResult => $words, Confidence => 1 }));
        $turns++;
    }
}
cmp_ok(lost(), '>', 0, 'a loss is told of');
rmdir "$dir/calls.db";
ok(wait_for(60, sub {
    my $there = sqlite('SELECT count(*) FROM turns');
    return $there ne '' && $there + lost() == 2 * $turns;
}), 'and nothing else is lost')
    or diag sqlite('SELECT count(*) FROM turns') . ' + ' . lost() . ' of ' . 2 * $turns;
$server->stop(qr/call log|exited on signal 9/);

done_testing;
