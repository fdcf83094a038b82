# Engines that fail, and those that stand in for them.

use strict;
use warnings;

use lib 't/lib';
use HTTP::Tiny;
use JSON::PP qw(decode_json encode_json);
use Test::More;
use Time::HiRes qw(sleep time);
use VoiceAI;
use VoiceAI::Server;

my $dir = scratch();
my $wav = '/usr/share/asterisk/sounds/en/conf-getpin.wav';

# ---- providers that fail as they are told

start_process({ log => "$dir/provider" }, 'node',
    project_root() . '/t/engines/provider.js');
wait_for(20, sub { VoiceAI::slurp("$dir/provider") =~ /"port":(\d+)/ })
    or die 'no provider';
my ($port) = VoiceAI::slurp("$dir/provider") =~ /"port":(\d+)/;
my $nobody = free_port();

sub set
{
    my ($name, $fault) = @_;
    my $answer = HTTP::Tiny->new->get("http://127.0.0.1:$port/set/$name/$fault");
    die $answer->{content} if !$answer->{success};
}

# Returns the requests for this name so far.
sub requests
{
    my ($name) = @_;
    return grep { $_->{name} && $_->{name} eq $name } map { decode_json($_) }
        grep { /^\{.*\}$/ } split /\n/, VoiceAI::slurp("$dir/provider");
}

sub engine
{
    my ($stage, $name, @more) = @_;
    my $format = $stage eq 'tts' ? 'format=ulaw' : '';
    return "voiceai_$stage openai url=http://127.0.0.1:$port/$name/v1 "
        . "model=$name $format connect_timeout=1s @more;\n";
}

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
    # fails when something was said already
    half => engine('stt', 'well') . engine('tts', 'well')
        . engine('llm', 'middle', 'idle_timeout=1s') . engine('llm', 'spare'),
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

my $count = 0;

sub callers
{
    my (@plans) = @_;
    for my $plan (@plans) {
        $plan->{call} //= sprintf 'CA%03d', ++$count;
        $plan->{wav} //= $wav;
        $plan->{max} //= 20000;
    }
    my $file = "$dir/plan" . ++$count;
    open my $out, '>', $file or die;
    print $out encode_json(\@plans);
    close $out;
    my ($rc, $text) = run_node('engines/callers.js', $server->port, $file);
    my $results = eval { decode_json($text) } or die "callers: $rc $text";
    return @$results;
}

# Returns the lines of the log that tell of this call or engine.
sub told
{
    my ($what) = @_;
    return join "\n", map { s/, client: .*//r } grep { /voiceai.*\Q$what\E/ }
        split /\n/, $server->log;
}

# ---- the next one

my ($turns, $half) = callers(
    { host => 'turns', turns => ['Hello', 'Is that right?', 'I heard two', 0] },
    { host => 'half', turns => ['Hello', 'say that again', 0] });

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

is(scalar requests('500'), 2, 'who fails now and then is asked again');
is(scalar requests('429'), 1, 'who asked for time is not');
like(told('openai/429 at'), qr/left alone for 30000 ms/, 'it gets what it asked for');
like(told('openai/401 at'), qr/left alone for 60000 ms/, 'a person has to mend that');
is((requests('429'))[0]{key}, 'Bearer secretive-key', 'the key was sent');
unlike($server->log, qr/secretive/, 'and never told');

is("@{$half->{heard}}", 'Hello. I am sorry, something went wrong. '
    . 'Please say that again.', 'what broke in the middle is apologised for');
is(scalar requests('spare'), 0, 'and not begun anew');
like(told($half->{call}),
    qr{\[error\].* model failed with status 200: no data for 1000ms \(openai/middle at},
    'which is an error');
like($server->access($half->{call}), qr/failures=1/, 'and counted');

# ---- one that fails, is left alone, and recovers

set('ill', '500');
set('broken', '500');
my (undef, $alone) = callers(
    { host => 'ill', turns => ['Hello', 'You said', 'You said', 'You said', 0] },
    { host => 'alone', turns => ['Hello', 'say that again', 'say that again', 0] });
is(scalar requests('ill'), 2, 'who fails twice in a row is left alone');
is(scalar requests('spare'), 3, 'while the other one answers');
like(told('model "openai/ill'), qr/\[warn\].* left alone for 5000 ms/, 'which is told');
set('ill', 'well');
sleep 4.5;
callers({ host => 'ill', turns => ['Hello', 'You said', 'You said', 0] });
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
