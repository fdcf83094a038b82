# Engines that fail, and those that stand in for them.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use Time::HiRes qw(sleep);
use VoiceAI;
use VoiceAI::Engines;
use VoiceAI::Server;

my $engines = VoiceAI::Engines->new;
my $nobody = free_port();

sub engine { return $engines->line(@_) }
sub requests { return $engines->requests(@_) }

my %hosts = (
    # the first is not there, the second fails, the third does it
    turns => "voiceai_stt openai url=http://127.0.0.1:$nobody/v1 model=none;"
        . engine('stt', '500', 'max_fails=0') . engine('stt', 'ear')
        . engine('llm', '429', 'key=secretive-key')
        . engine('llm', 'cut', 'max_fails=0') . 'voiceai_llm builtin;'
        . engine('tts', '401') . engine('tts', 'mouth'),
    # one that fails and recovers
    ill => engine('stt', 'well') . engine('tts', 'well')
        . engine('llm', 'ill', 'max_fails=2', 'fail_timeout=5s')
        . engine('llm', 'spare'),
    # the only one fails
    alone => engine('stt', 'well') . engine('tts', 'well')
        . engine('llm', 'broken', 'max_fails=1', 'fail_timeout=20s'),
    # fails when words came already, but no clause
    half => engine('stt', 'well') . engine('tts', 'well')
        . engine('llm', 'middle', 'idle_timeout=1s') . engine('llm', 'second'),
);

my $server = VoiceAI::Server->new(workers => 2, http => <<"END" . join '', map {
    voiceai_zone calls 2m;
    voiceai_signature off;
    voiceai_stream_token off;
    voiceai_greeting "Hello.";
    voiceai_silence_threshold 300ms;
    voiceai_public_url https://voice.example.com;
END
    "server { listen 127.0.0.1:%%PORT%%; server_name $_; voiceai on;\n"
    . "$hosts{$_} }\n" } sort keys %hosts);

sub told { return $engines->told($server, @_) }

# ---- the next one

my ($turns, $half) = $engines->call($server,
    { host => 'turns', turns => ['Hello', 'Is that right?', 'I heard two', 0] },
    { host => 'half', turns => ['Hello', 'You said', 0] });

is("@{$turns->{heard}}", 'Hello. I heard one. Is that right? I heard two. '
    . 'Is that right?', 'engines that fail are stood in for, in each stage');
my $log = told($turns->{call});
like($log, qr{\[warn\].*recogniser "openai/none at 127.0.0.1:$nobody" failed with status 0: connect to },
    'one that is not there');
like($log, qr{"openai/500 at .*" failed with status 500: HTTP 500: The server had an error, trying "openai/ear at},
    'one that is in trouble');
like($log, qr{model "openai/429 at .*trying "openai/cut at}, 'one that has enough');
like($log, qr{model "openai/cut at .*trying "builtin"}, 'and one that is cut off');
unlike($log, qr/\[error\]/, 'are no errors');
like($server->access($turns->{call}), qr/turns=2 .*failures=0/, 'nor failures');

my ($response, $longest) = $server->access($turns->{call}) =~ /response=(\d+),(\d+) /;
cmp_ok($response // 0, '>=', 280, 'answers take the silence that ends a turn');
cmp_ok($longest // 0, '>=', $response // 1, 'the longest no less than the average');
my @stages = $server->access($turns->{call}) =~ /stages=(\d+),(\d+),(\d+),(\d+) /;
is(scalar @stages, 4, 'and are told by stage');
cmp_ok($stages[0] + $stages[1] + $stages[2] + $stages[3], '<=', $response + 4,
    'which is what they are made of');
is(scalar requests('500'), 2, 'who fails now and then is asked again');
is(scalar requests('429'), 1, 'who asked for time is not');
like(told('openai/429 at'), qr/left alone for 30000 ms/, 'it gets what it asked for');
like(told('openai/401 at'), qr/left alone for 60000 ms/, 'a person has to mend that');
is((requests('429'))[0]{key}, 'Bearer secretive-key', 'the key was sent');
unlike($server->log, qr/secretive/, 'and never told');

is("@{$half->{heard}}", 'Hello. You said: number 1 of well',
    'what broke off before anything was said is begun anew');
is(scalar requests('second'), 1, 'by the next one, once');
like(told($half->{call}),
    qr{\[warn\].* model "openai/middle at \S+" failed with status 200: no data for 1000ms, trying},
    'which is told');
like($server->access($half->{call}), qr/failures=0/, 'and no failure');

# ---- one that fails, is left alone, and recovers

$engines->set('ill', '500');
$engines->set('broken', '500');
my (undef, $alone) = $engines->call($server,
    { host => 'ill', turns => ['Hello', 'You said', 'You said', 'You said', 0] },
    { host => 'alone', turns => ['Hello', 'say that again', 'say that again', 0] });
is(scalar requests('ill'), 2, 'who fails twice in a row is left alone');
is(scalar requests('spare'), 3, 'while the other one answers');
like(told('model "openai/ill'), qr/\[warn\].* left alone for 5000 ms/, 'which is told');
$engines->set('ill', 'well');
sleep 4.5;
$engines->call($server,{ host => 'ill', turns => ['Hello', 'You said', 'You said', 0] });
is(scalar requests('ill'), 4, 'who recovers is asked again');
is(scalar requests('spare'), 3, 'and its stand-in is not');
like(told('model "openai/ill'), qr/\[notice\].* is well again/, 'which is told');

# ---- nobody is left

is(scalar @{$alone->{heard}}, 5, 'without any engine there is an apology, twice');
is(scalar requests('broken'), 1, 'the second time nobody is asked');
like(told($alone->{call}), qr{model failed with status 0: no engine is well},
    'and why is told');

$server->stop(qr/failed with status/);

done_testing;
