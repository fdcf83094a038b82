#!/usr/bin/env perl

# Recognisers that stream, at the level of the transport: against a server of
# the "ws" library, and against bytes that no server should send.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
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
my $base = "127.0.0.1:$told->{port}";

start_nginx();

sub stream {
    my ($path, %args) = @_;
    return job(url => $path =~ /:/ ? $path : "ws://$base/$path/v1",
        kind => 'deepgram', stage => 'stt', key => 'sk-good', size => 0,
        stay => 8000 * $slack, %args);
}

sub counts { return fetch("http://$base/counts") }

sub fails {
    my ($name, $class, $status, $text, $path, %args) = @_;
    my $r = stream($path, audio => 100, %args);
    is_deeply([@$r{qw(failed cancelled fault status)}],
        [1, 0, $fault{$class}, $status], "$name: $class, $status")
        or diag(explain($r));
    like($r->{text}, $text, "$name: says why");
    unlike($r->{text}, qr/sk-|\n/, "$name: one line without the key");
    return $r;
}

# ---- what goes well

my $r = stream('ok', audio => 400, turns => 1);
is_deeply([@$r{qw(failed flushed ends text late)}],
    [0, 1, 1, 'All is well.', 0], 'speech, and its words')
    or diag(explain($r));
is($r->{partials}, 1, 'a partial before');
is(counts()->{audio}, 3200, 'all of the audio arrived');

$r = stream('ok', audio => 100, turns => 5);
is_deeply([@$r{qw(flushed text)}], [5, 'All is well.' x 5],
    'five turns on one connection');

fetch("http://$base/reset");
$r = stream('ok', audio => 6000, turns => 1, pace => 0);
is_deeply([@$r{qw(flushed busy)}], [1, 0], 'audio waits for the connection');
is(counts()->{audio}, 48000, 'and none of it is lost');

ok(wait_for(3, sub { counts()->{open} == 0 }), 'a cancelled stream is closed');
is(counts()->{CloseStream}, 1, 'with a farewell');

$r = stream('ok', audio => 0, stay => 6000);
is($r->{cancelled}, 1, 'a silent stream stays');
cmp_ok(counts()->{KeepAlive} // 0, '>=', 1, 'and is kept alive');

$r = stream('deaf', audio => 100, idle => 300, stay => 2000);
is($r->{cancelled}, 1, 'a server that only answers pings is alive');

$r = stream('ok', audio => 200, turns => 3, count => 100);
is_deeply([@$r{qw(failed flushed)}], [0, 300], '100 streams at once');

# ---- faults

fails('refused', 'connect', 0, qr/Connection refused/,
    "ws://127.0.0.1:$told->{refused}/v1");
fails('no such host', 'resolve', 0, qr/was not found/,
    'ws://nosuch.invalid/v1');
fails('silent', 'timeout', 0, qr/^no answer within 500ms/, 'silent',
    first => 500);
fails('half a head', 'timeout', 0, qr/^no answer within 500ms/, 'headers',
    first => 500);
fails('middle', 'timeout', 101, qr/^no (words|sign of life)/, 'middle',
    idle => 500, turns => 1);
fails('cut', 'cut', 101, qr/./, 'cut');
fails('short', 'cut', 101, qr/./, 'short');
fails('401', 'status', 401, qr/told to say 401/, '401');
my $limited = fails('429', 'status', 429, qr/told to say 429/, '429');
is($limited->{retry_after}, 7, '429: says when to come back');
fails('500', 'status', 500, qr/told to say 500/, '500');
fails('page', 'response', 200, qr/./, 'html');
fails('wrong key', 'status', 401, qr/Invalid credentials/, 'ok',
    key => 'sk-very-secret');
fails('wrong accept', 'response', 0, qr/wrong Sec-WebSocket-Accept/,
    'accept');
fails('masked', 'response', 101, qr/masked frame from a server/, 'masked');
fails('huge', 'response', 101, qr/too big/, 'huge');
fails('half an object', 'response', 101, qr/./, 'json');
fails('error', 'response', 101, qr/the model fell over/, 'error');
fails('closed', 'cut', 101, qr/NET-0001/, 'close/1011');
fails('dead', 'timeout', 101, qr/^no (words|sign of life)/, 'dead',
    idle => 400, turns => 1);
fails('deaf', 'timeout', 101, qr/^no words within 400ms/, 'deaf', idle => 400,
    turns => 1);
cmp_ok(counts()->{sent}, '<', 20e6, 'the 100 MB are not read');

$r = stream('empty', audio => 100, turns => 1);
is_deeply([@$r{qw(failed flushed text)}], [0, 1, ''], 'nothing is understood');

# Audio which a peer does not take stays within its bounds.
$r = stream('dead', audio => 3600_000, pace => 0, idle => 1500, stay => 20000);
cmp_ok($r->{busy}, '>', 0, 'audio for a dead peer is refused at last');
is($r->{fault}, $fault{timeout}, 'and the peer given up');

for my $cancel ('start', 1, 5, 50) {
    $r = stream('ok', audio => 100, turns => 3, cancel => $cancel,
        count => 20);
    is($r->{failed} + $r->{cancelled}, 20, "cancel=$cancel");
    is($r->{late}, 0, 'and nothing after it');
}
ok(settled(5), 'nothing is left of them');
ok(wait_for(3, sub { counts()->{open} == 0 }), 'nor at the server');
is(stat_of()->{waiting}, 0, 'nor of their results');

# ---- leaving

my $client = open_job(url => "ws://$base/ok/v1", kind => 'deepgram',
    stage => 'stt', key => 'sk-good', audio => 60000);
sleep 0.5;
my $worker = stat_of()->{pid};
stop(nginx_pid(), 'TERM');
ok(defined gone($worker, 4), 'a worker goes with its streams');
ok(wait_for(3, sub { counts()->{open} == 0 }), 'which the server sees');

is(alerts(), '', 'no alert');
is(sanitizer_reports(), '', 'no report of a sanitizer');

stop($server, 'TERM');
done_testing();
