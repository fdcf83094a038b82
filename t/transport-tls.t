#!/usr/bin/env perl

# Whom the transport trusts and by which way it goes: authorities, names, dates,
# client certificates, versions of TLS, proxies; and how few connections it
# makes.

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

my $dir = home() . '/certificates';
mkdir $dir or die;

sub openssl {
    system("cd $dir && openssl $_[0] 2>>openssl.log") == 0
        or BAIL_OUT("openssl $_[0]");
}

my $new = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes';
openssl("req -x509 $new -days 2 -subj '/CN=Test CA' -keyout ca.key -out ca.pem");

# A certificate of that authority, for a name and a number of days.
sub certificate {
    my ($name, $host, $days) = @_;
    openssl("req $new -subj /CN=$host -keyout $name.key -out $name.csr");
    open my $f, '>', "$dir/$name.ext" or die;
    print $f "subjectAltName=DNS:$host\n";
    close $f;
    openssl("x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -CAcreateserial"
        . " -days $days -extfile $name.ext -out $name.pem");
}

certificate('good', 'localhost', 2);
certificate('other', 'other.invalid', 2);
certificate('expired', 'localhost', -1);
certificate('client', 'client.invalid', 2);
system("cat $dir/client.pem $dir/client.key >$dir/both.pem") == 0 or die;

my ($behind, $faults) = faulty('providers/faults.js');
my ($server, $at) = faulty('transport/tls.js', $dir, $faults->{port});

start_nginx();

sub counts { return fetch("http://127.0.0.1:$at->{counts}") }

# The two ways over TLS: a model over HTTP, and a recogniser that streams.
my %ways = (
    http => sub {
        my ($port, %args) = @_;
        return job(url => "https://localhost:$at->{$port}/ok/v1",
            key => 'sk-good', ca => "$dir/ca.pem", %args);
    },
    stream => sub {
        my ($port, %args) = @_;
        return job(url => "wss://localhost:$at->{$port}/ok/v1",
            kind => 'deepgram', stage => 'stt', key => 'sk-good', size => 0,
            audio => 40, turns => 1, stay => 8000 * slack(),
            ca => "$dir/ca.pem", %args);
    },
);

sub works {
    my ($name, $port, %args) = @_;
    for my $way (sort keys %ways) {
        my $r = $ways{$way}->($port, %args);
        is_deeply([@$r{qw(failed text)}], [0, 'All is well.'],
            "$way: $name works") or diag(explain($r));
    }
}

sub fails {
    my ($name, $class, $text, $port, %args) = @_;
    for my $way (sort keys %ways) {
        my $r = $ways{$way}->($port, %args);
        is_deeply([@$r{qw(failed fault status)}], [1, $fault{$class}, 0],
            "$way: $name: $class") or diag(explain($r));
        like($r->{text}, $text, "$way: $name: says why");
        unlike($r->{text}, qr/sk-|very-secret|\n/,
            "$way: $name: one line without a secret");
    }
}

# ---- trust

works('an authority from a file', 'good');
fails('an unknown authority', 'tls', qr/^TLS with localhost:\d+ failed: .*cert/,
    'good', ca => '');
fails('no such file', 'tls', qr/^TLS with .*nowhere/, 'good',
    ca => "$dir/nowhere.pem");
fails('another name', 'tls', qr/^TLS with .*name/, 'other');
fails('expired', 'tls', qr/^TLS with .*expired/, 'expired');

fails('a key of another', 'tls', qr/^TLS with /, 'mutual',
    cert => "$dir/client.pem", cert_key => "$dir/good.key");
for my $port ('mutual', 'mutual12') {
    works("a client certificate, $port", $port, cert => "$dir/client.pem",
        cert_key => "$dir/client.key");
    works("both in one file, $port", $port, cert => "$dir/both.pem");
    fails("no client certificate, $port", 'tls', qr/^TLS with .*alert/, $port);
}
fails('a certificate without a file', 'tls', qr/^TLS with /, 'mutual',
    cert => "$dir/nowhere.pem");

fails('TLS 1.1', 'tls', qr/^TLS with /, 'tls11');
works('TLS 1.2', 'tls12');
fails('TLS 1.2 where 1.3 is asked for', 'tls', qr/^TLS with /, 'tls12',
    tls => 13);
works('TLS 1.3 where it is asked for', 'good', tls => 13);

# ---- proxies

my $proxy = "127.0.0.1:$at->{proxy}";
my $auth = "127.0.0.1:$at->{auth}";
my $before = counts()->{connects};
works('through a proxy', 'tls12', proxy => "http://$proxy");
is(counts()->{connects} - $before, 2, 'by CONNECT');
works('a proxy that asks who it is', 'tls12',
    proxy => "http://user:very-secret\@$auth");
fails('a proxy that refuses', 'connect', qr/^proxy to localhost:\d+ failed/,
    'tls12', proxy => "http://user:very-secret1\@$auth");
fails('no proxy', 'connect', qr/refused/, 'tls12',
    proxy => "http://user:very-secret\@127.0.0.1:$faults->{refused}");
fails('an unknown proxy', 'resolve', qr/proxy/, 'tls12',
    proxy => 'http://user:very-secret@nosuch.invalid:1');
fails('a strange proxy', 'request', qr/set up/, 'tls12',
    proxy => "foo://user:very-secret\@$auth");
fails('a name is checked through a proxy', 'tls', qr/name/, 'other',
    proxy => "http://$proxy");

$before = counts();
my $r = job(url => "http://127.0.0.1:$faults->{port}/ok/v1", key => 'sk-good',
    proxy => "http://$proxy");
is_deeply([$r->{text}, counts()->{forwards} - $before->{forwards}],
    ['All is well.', 1], 'plain HTTP goes to the proxy as it is');
$r = job(url => "ws://127.0.0.1:$faults->{port}/ok/v1", kind => 'deepgram',
    stage => 'stt', key => 'sk-good', size => 0, audio => 40, turns => 1,
    stay => 8000, proxy => "http://$proxy");
is_deeply([$r->{text}, counts()->{connects} - $before->{connects}],
    ['All is well.', 1], 'a plain WebSocket goes through a tunnel');

# ---- few connections

sub jobs { return $ways{http}->(@_) }

my $h2 = "https://localhost:$at->{h2}";
my %h2 = (url => "$h2/v1", ca => "$dir/ca.pem");

$before = counts();
get("/job?url=$h2/v1&ca=$dir/ca.pem&warm=1");
ok(wait_for(3, sub { counts()->{heads} > $before->{heads} }),
    'a connection is opened ahead');
ok(settled(), 'and that is all');
$r = job(%h2, count => 50);
is_deeply([@$r{qw(done texts)}], [50, 100], '50 requests at once');
is(counts()->{connections} - $before->{connections}, 1,
    'go over the one that is there');
get("/job?url=$h2/v1&ca=$dir/ca.pem&warm=20");
settled();
is(counts()->{connections} - $before->{connections}, 1,
    'which needs no other to be opened ahead');

$before = counts();
$r = job(%h2, url => "$h2/silent/v1", count => 30, cancel => 200);
is($r->{cancelled}, 30, '30 requests are cancelled');
ok(wait_for(2, sub { counts()->{cancelled} - $before->{cancelled} == 30 }),
    'the provider is told so for each') or diag(explain($before, counts()));
is(job(%h2)->{text}, 'one two', 'and serves the next');
is(counts()->{connections} - $before->{connections}, 0,
    'over the same connection');

# A session of the first is enough for all that come later.
jobs('fresh');
$before = counts();
jobs('fresh', count => 10);
my $after = counts();
my $made = $after->{connections} - $before->{connections};
cmp_ok($made, '>=', 5, "$made connections where there is no HTTP/2");
cmp_ok($after->{resumed} - $before->{resumed}, '>', 0,
    'some of which resume a TLS session');

jobs('fresh', count => 10);
is(counts()->{connections}, $after->{connections}, 'are used again');

$before = counts();
$ways{stream}->('good') for 1 .. 3;
$after = counts();
is($after->{connections} - $before->{connections}, 3, 'a stream has its own');

my $failed = stat_of()->{failed};
get("/job?url=http://127.0.0.1:$faults->{refused}/v1&warm=3");
get("/job?url=https://127.0.0.1:$faults->{refused}/v1&warm=3");
get("/job?url=wss://nosuch.invalid/v1&kind=deepgram&stage=stt&warm=3");
ok(settled(5), 'what cannot be opened ahead is nobody\'s trouble');
is(stat_of()->{failed}, $failed, 'and no failure');

stop(nginx_pid(), 'QUIT');
is(alerts(), '', 'no alert');
is(sanitizer_reports(), '', 'no report of a sanitizer');
stop($_, 'TERM') for $server, $behind;
done_testing();
