#!/usr/bin/env perl

# The transport against a provider that misbehaves: t/transport/ has the
# handler that starts jobs, and the provider.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use IO::Socket::INET;
use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes qw(time sleep);

use lib dirname(abs_path(__FILE__)) . '/lib';
use VoiceAI::Transport;

my $here = dirname(abs_path(__FILE__));
my $slack = slack();
my $dir = home();
my ($provider_port, $tls_port, $bad_port, $dead_port) = ports(4);
my $base = "http://127.0.0.1:$provider_port";
my $tls = "https://localhost:$tls_port";
my $provider;

prefix($base);

sub start_provider {
    $provider = spawn("$dir/provider.log", 'node',
        "$here/transport/provider.js", $provider_port, $tls_port, $bad_port,
        $dir, "$dir/provider.sock");
    listening($_) for $provider_port, $tls_port, $bad_port;
}

sub counts { return fetch("$base/counts") }

sub fails {
    my ($name, $text, $status, %args) = @_;
    my $start = time;
    my $r = job(%args);
    is_deeply([@$r{qw(done failed status)}], [0, 1, $status],
        "$name: fails with status $status") or diag(explain($r));
    like($r->{text}, $text, "$name: says why");
    unlike($r->{text}, qr/very-secret|\n/, "$name: one line without a secret");
    return time - $start;
}

for my $name ('good', 'bad') {
    system("openssl req -x509 -newkey rsa:2048 -nodes -days 2"
        . " -subj /CN=localhost -addext subjectAltName=DNS:localhost"
        . " -keyout $dir/$name.key -out $dir/$name.pem 2>/dev/null") == 0
        or BAIL_OUT('no certificate');
}

start_provider();
start_nginx();

# ---- what goes well

my $r = job(stage => 'llm', url => '/sse/5/20', echo => 0);
is_deeply([@$r{qw(done failed status texts late text)}],
    [1, 0, 200, 5, 0, 'w0 w1 w2 w3 w4 '], 'deltas arrive one by one');
cmp_ok($r->{first}, '<', $r->{total}, 'the first before the end');

$r = job(stage => 'tts', url => '/ulaw/40/1000/5');
is_deeply([@$r{qw(done bytes order)}], [1, 40000, 0], 'audio, whole, in order');

my $described = decode_json(job(stage => 'llm', url => '/echo')->{text});
is_deeply([@$described{qw(method expect key)}],
    ['POST', 'none', 'Bearer sk-very-secret'], 'the request has the key');
like($described->{agent}, qr{^voiceai/\d}, 'and a user agent');
cmp_ok($described->{length}, '>', 100, 'and a body');

$r = job(stage => 'llm', url => '/echo', size => 1500000);
is(decode_json($r->{text})->{expect}, 'none', 'no Expect for a large body');

$r = job(stage => 'stt', url => '/echo', size => 240000);
like($r->{text}, qr{^multipart/form-data 48\d+ true$},
    'an utterance is a form with a file');

$r = job(stage => 'llm', url => 'http://localhost/sse/2/0',
    socket => "$dir/provider.sock");
is($r->{text}, 'w0 w1 ', 'over a unix socket');

# What a REST interface says counts, whatever the status is.

sub rest {
    my %args = (stage => 'rest', size => 0, @_);
    my $r = job(%args);
    is_deeply([@$r{qw(done failed)}], [1, 0], "REST: $args{url} is an answer")
        or diag(explain($r));
    return $r;
}

sub rest_echo {
    my ($event) = rest(url => '/echo', @_)->{text} =~ /^data: (.*)$/m;
    return decode_json(decode_json($event)->{choices}[0]{delta}{content});
}

$described = rest_echo(size => 300);
is_deeply([@$described{qw(method url type key length)}],
    ['POST', '/echo', 'application/x-www-form-urlencoded',
        'Basic QUMwOnZlcnktc2VjcmV0', 300], 'REST: a form goes to the URL');
$described = rest_echo();
is_deeply([@$described{qw(method length)}], ['GET', 0],
    'REST: without a form it is GET');
$r = rest(url => '/status/404');
is_deeply([@$r{qw(status retry_after texts)}], [404, -1, 1],
    'REST: with its status');
like($r->{text}, qr/told to say 404/, 'REST: and its body');
$r = rest(url => '/status/429');
is_deeply([@$r{qw(status retry_after)}], [429, 7],
    'REST: and when to come back');
fails('REST: half', qr/^transfer from .* failed: /, 200, stage => 'rest',
    url => '/cut');
fails('REST: too much', qr/^the answer is too large/, 200, stage => 'rest',
    url => '/big/65537');

my $before = counts()->{connections};
job(stage => 'llm', url => '/sse/1/0') for 1 .. 10;
cmp_ok(counts()->{connections} - $before, '<=', 1,
    'connections are kept open and used again');

$r = get("/other?url=$base/sse/1/0");
is($r->{done}, 1, 'a second thread pool has a loop of its own');

# ---- what does not

fails('refused',
    qr/^connect to 127.0.0.1:$dead_port failed: Connection refused/, 0, url => "http://user:very-secret\@127.0.0.1:$dead_port/v1");
fails('no socket', qr{^connect to unix:/nowhere failed: No such file}, 0,
    url => 'http://localhost/', socket => '/nowhere');
fails('no such host', qr/^host of nosuch.invalid was not found/, 0,
    url => 'http://nosuch.invalid/v1');
fails('other scheme', qr/./, 0, url => 'file:///etc/passwd');
fails('unknown certificate', qr/^TLS with localhost:$bad_port failed: .*cert/,
    0, url => "https://localhost:$bad_port/echo");
fails('certificate of another',
    qr/^TLS with 127.0.0.1:$tls_port failed: .*name/, 0, url => "https://127.0.0.1:$tls_port/echo");
fails('http on a TLS port', qr/./, 0,
    url => "http://127.0.0.1:$tls_port/echo");
fails('redirect', qr/302/, 302, url => '/moved');
fails('500', qr/told to say 500/, 500, url => '/status/500');
fails('429', qr/told to say 429/, 429, url => '/status/429');
fails('a page', qr/./, 200, url => '/html');
fails('cut', qr/^transfer from 127.0.0.1:$provider_port failed: /, 200,
    stage => 'tts', url => '/cut');

my $t = fails('silent', qr/^no answer within 500ms/, 0, url => '/silent',
    first => 500);
cmp_ok($t, '>=', 0.5, 'not before its time');
cmp_ok($t, '<', 1.0 * $slack, 'and soon after it');
fails('head only', qr/^no answer within 500ms/, 200, url => '/headers',
    first => 500);
fails('half', qr/^no data for 500ms/, 200, url => '/mid', idle => 500);
fails('drip', qr/^not finished within 800ms/, 200, stage => 'tts',
    url => '/drip/100', idle => 500, total => 800);

{
    my $full = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1');
    my $to = '127.0.0.1:' . $full->sockport;
    my @waiting;
    while (@waiting < 100) {
        my $c = IO::Socket::INET->new(PeerAddr => $to, Timeout => 0.5) or last;
        push @waiting, $c;
    }
    $t = fails('no connection', qr/^no connection to $to within 400ms/, 0,
        url => "http://$to/v1", connect => 400);
    cmp_ok($t, '<', 0.9 * $slack, 'soon after its time');
}

# ---- many at a time

my $stat = stat_of();
my $pid = $stat->{pid};
my $start = time;
$r = job(stage => 'llm', url => '/sse/10/100', count => 1000);
$t = time - $start;
is_deeply([@$r{qw(done failed texts)}], [1000, 0, 10000],
    '1000 jobs on one thread');
cmp_ok($t, '<', 4 * $slack, sprintf 'do not wait for each other (%.2fs)', $t);
$r = job(stage => 'tts', url => '/ulaw/20/400/20', count => 500);
is_deeply([@$r{qw(done bytes)}], [500, 500 * 8000], '500 times audio');

{
    my @slow = map { open_job(url => "http://h$_.slow.test/v1") } 1 .. 4;
    sleep 0.3;
    $start = time;
    close $_ for @slow;
    $r = job(url => '/sse/1/0');
    $t = time - $start;
    is($r->{done}, 1, 'a job after the end of jobs in slow resolution');
    cmp_ok($t, '<', 1 * $slack, sprintf 'is not held up (%.2fs)', $t);
    fails('slow resolution', qr/^no connection to h.slow.test/, 0,
        url => 'http://h.slow.test/v1', connect => 500);
}

$r = job(url => '/silent', count => 5000, cancel => 1500);
is_deeply([@$r{qw(refused cancelled)}], [904, 4096],
    'no more than 4096 jobs in flight');
ok(settled(5), 'they go');
is(stat_of()->{refused}, $stat->{refused} + 904, 'the refused are counted');

# ---- back-pressure

my $size = rss($pid);
$r = job(stage => 'tts', url => '/big/5000000', slow => 1, total => 60000);
is_deeply([@$r{qw(done bytes)}], [1, 5000000],
    'a slow consumer gets all of it');

my $s = open_job(stage => 'tts', url => '/big/100000000', slow => 10,
    idle => 500);
sleep 2;
my $sent = counts()->{sent};
cmp_ok(rss($pid) - $size, '<', 8 * (preloaded() ? 20 : 1),
    'of 100 MB little is in memory');
cmp_ok($sent, '<', 30e6, "and the provider waits ($sent sent)");
cmp_ok(stat_of()->{active}, '==', 1, 'and is not blamed for it');
close $s;
ok(settled(), 'until the client goes');

$r = job(stage => 'tts', url => '/big/100000000', total => 60000);
like($r->{text}, qr/./, 'too much audio is refused by the reader');
is($r->{failed}, 1, 'and fails');

# ---- HTTP/2

$described = decode_json(job(url => "$tls/echo")->{text});
is($described->{version}, '2.0', 'HTTP/2 where TLS offers it');

$before = counts()->{connections};
$s = open_job(stage => 'tts', url => "$tls/ulaw/700/5000/0", slow => 500);
sleep 0.5;
$r = job(url => "$tls/sse/10/10", count => 50);
is_deeply([@$r{qw(done texts)}], [50, 500],
    'a stream which is not read does not hold up others');
cmp_ok($r->{total}, '<', 2000 * $slack, 'for long');
close $s;
ok(settled(), 'and ends');
$r = job(url => "$tls/sse/100/10", count => 50, cancel => 100);
is($r->{cancelled}, 50, 'cancelled streams');
is(job(url => "$tls/sse/3/0")->{text}, 'w0 w1 w2 ', 'leave the connection');
is(counts()->{connections} - $before, 0, 'which is one for all of them');

$r = job(stage => 'tts', url => "$tls/ulaw/400/5000/0", slow => 1);
is_deeply([@$r{qw(done bytes order)}], [1, 2000000, 0],
    'a slow consumer gets all of a stream, in order');
fails('a stream nobody consumes', qr/not consumed/, 200, stage => 'tts',
    url => "$tls/big/30000000", slow => 5);
cmp_ok(rss($pid) - $size, '<', 40 * (preloaded() ? 5 : 1), 'costs little memory');
$r = job(url => "$tls/silent", count => 5, first => 300);
is($r->{failed}, 5, 'and a silent one has its time');

# ---- cancel

for my $url ('/silent', '/headers', '/mid', '/sse/100/10', '/drip/10',
    "http://10.slow.test/", "http://127.0.0.1:$dead_port/")
{
    for my $cancel (qw(start 1 5 50)) {
        $r = job(url => $url, cancel => $cancel, count => 10);
        is($r->{done} + $r->{failed} + $r->{cancelled}, 10,
            "cancel=$cancel of $url");
        is($r->{late}, 0, 'and nothing after it');
    }
}
for my $cancel (qw(self first end)) {
    for my $stage (['llm', '/sse/5/5'], ['tts', '/ulaw/50/500/0']) {
        $r = job(stage => $stage->[0], url => $stage->[1], cancel => $cancel,
            count => 20);
        is($r->{done} + $r->{cancelled}, 20, "cancel=$cancel of $stage->[0]");
        is($r->{late}, 0, 'and nothing after it');
    }
}
ok(settled(), 'nothing is left of them');
is(stat_of()->{waiting}, 0, 'nor of their results');

$before = counts();
$s = open_job(url => '/sse/1000/20');
wait_for(5, sub { counts()->{requests} > $before->{requests} });
sleep 0.2;
close $s;
ok(wait_for(1, sub { counts()->{aborted} > $before->{aborted} }),
    'the provider sees it soon');

$s = open_job(stage => 'tts', url => '/ulaw/100/5000/0', slow => 200);
sleep 0.5;
close $s;
ok(settled(), 'cancelled with its end waiting behind results');

# ---- calls from handlers

$r = job(url => '/sse/5/5', count => 20, resume => 1);
is_deeply([@$r{qw(done texts)}], [20, 100], 'resume inside the handler');
$r = job(url => '/sse/1/0', count => 10, chain => 200);
is($r->{done}, 210, 'a job started in the end of another');

# ---- the thread comes and goes

ok(wait_for(3, sub { !stat_of()->{running} }), 'an idle loop gives it back');
$before = counts()->{connections};
is(job(url => '/sse/1/0')->{done}, 1, 'and gets it again');
is(counts()->{connections} - $before, 0, 'with its connections warm');

for (1 .. 30) {
    sleep 0.95 + rand 0.1 if $_ % 10 == 0;
    job(url => '/sse/1/0') or last;
}
is(job(url => '/sse/1/0')->{done}, 1, 'about the time it leaves');

# ---- the provider dies

$s = open_job(url => '/sse/1000/20');
sleep 0.2;
stop($provider, 'KILL');
fails('dead provider', qr/^connect to .* refused/, 0, url => '/sse/1/0');
ok(settled(), 'its transfers end');
start_provider();
is(job(url => '/sse/1/0')->{done}, 1, 'and the next one is used');
close $s;

# ---- the worker goes

sub worker_goes {
    my ($name, $signal, $seconds, $during, %args) = @_;
    my $worker = stat_of()->{pid};
    my $client = %args ? open_job(%args) : undef;
    sleep 0.4 if $client;
    signal_nginx($signal);
    $during->($worker, $client) if $during;
    my $after = gone($worker, $seconds + 1);
    ok(defined $after && $after < $seconds * $slack, "$name: gone in time")
        or diag($after // 'not at all');
    note(sprintf '%s: %.2fs', $name, $after // -1);
    if ($signal ne 'HUP') {
        waitpid nginx_pid(), 0;
        start_nginx();
    }
}

worker_goes('reload, idle', 'HUP', 1);
worker_goes('quit, idle', 'QUIT', 1);
job(url => '/sse/1/0');
worker_goes('quit, loop lingers', 'QUIT', 1);

for my $url ('/silent', '/mid', 'http://h.slow.test/') {
    my $hang = sub {
        my ($worker, $client) = @_;
        sleep 1.5;
        ok(-d "/proc/$worker", 'a call keeps its worker and its job');
        close $client;
    };
    worker_goes("reload during $url", 'HUP', 2, $hang, url => $url);
    worker_goes("quit during $url", 'QUIT', 2, $hang, url => $url);
    worker_goes("stop during $url", 'TERM', 2, undef, url => $url);
}

$s = undef;
worker_goes('reload during a reply', 'HUP', 4, sub {
    my ($worker, $client) = @_;
    local $/;
    like(scalar <$client>, qr/"done":1.*w29/, 'which is heard to its end');
}, url => '/sse/30/50');

{
    my $alerts = alerts();
    is($alerts, '', 'no alert so far');
}

# A request without a timer is left behind by nginx, which says so.

worker_goes('quit with nobody left', 'QUIT', 2, undef, url => '/mid',
    lone => 1);
worker_goes('reload with nobody left', 'HUP', 2, undef, url => '/mid',
    lone => 1);

unlike(alerts(), qr/thread has not left|curl|signal 11/, 'nor any of ours');

stop(nginx_pid(), 'QUIT');
stop($provider, 'TERM');

is(sanitizer_reports(), '', 'no report of a sanitizer');

done_testing();
