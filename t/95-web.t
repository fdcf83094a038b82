# The pages: files inside the module, the login of people, the browser phone's
# requests, and what other sites must not do.  A browser sees them in t/browser.

use strict;
use warnings;

use lib 't/lib';
use Digest::SHA qw(hmac_sha256_hex);
use IO::Uncompress::Gunzip qw(gunzip);
use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes qw(sleep time);
use VoiceAI;
use VoiceAI::Http;
use VoiceAI::Server;
use VoiceAI::Stream;

my $key = 'open-sesame-95';
my %hosts = (
    voice => "voiceai on; voiceai_api_key $key; voiceai_parameter dialled \$voiceai_to;"
        . ' location /phonebook { return 204; }',
    other => 'voiceai on; voiceai_api_key another-key-95;',
    unset => 'voiceai on;',
    mute => "voiceai on; voiceai_api_key $key; voiceai_tts off;",
    free => 'voiceai on; voiceai_api_key off; voiceai_stream_token off;',
    full => "voiceai on; voiceai_api_key $key; voiceai_max_calls 1; voiceai_zone few;",
    named => <<"END",
        voiceai_api_key $key;
        location /a/telephone { voiceai_phone; }
        location /b/ { voiceai_dashboard; }
        location /c/socket { voiceai_media; }
END
);
my $servers = '';
for my $name (sort keys %hosts) {
    $servers .= <<"END";
    server {
        listen 127.0.0.1:%%PORT%%;
        server_name $name.example.com;
        $hosts{$name}
    }
END
}

my $server = VoiceAI::Server->new(workers => 2, http => <<"END");
    voiceai_zone calls 2m;
    voiceai_zone few 1m;
    voiceai_public_url https://voice.example.com;
    voiceai_twilio_auth_token 0123456789abcdef;
    voiceai_twilio_number +15550100002;
    voiceai_greeting Hello;
    voiceai_tts openai url=http://127.0.0.1:%%TLS%%/v1 format=ulaw rate=8000;
    voiceai_stt openai url=http://127.0.0.1:%%TLS%%/v1;
    server {
        listen 127.0.0.1:%%TLS%%;
        location = /v1/audio/speech {
            default_type audio/basic;
            return 200 "~~~~~~~~~~~~~~~~";
        }
    }
$servers
END
my $port = $server->port;

sub page
{
    my ($line, %headers) = @_;
    my $host = delete $headers{host} // 'voice';
    return ask($port, $line, host => "$host.example.com",
        headers => { map { s/_/-/gr => $headers{$_} } keys %headers });
}

sub header
{
    my ($answer, $name) = @_;
    return join ', ', $answer->{head} =~ /^\Q$name\E: ([^\r\n]*)/gmi;
}

# ---- files

my $moved = page('GET /phone');
is($moved->{status}, 308, 'a page is below its name');
is(header($moved, 'Location'), 'phone/', 'whatever stands before the server');
is(header(page('GET /a/telephone', host => 'named'), 'Location'), 'telephone/',
    'in a location of any name');

my $plain = page('GET /phone/');
is($plain->{status}, 200, 'the page');
like($plain->{body}, qr/^<!doctype html>/, 'as it is');
is(header($plain, 'Content-Encoding'), '', 'for who takes nothing else');
is(header($plain, 'Content-Type'), 'text/html; charset=utf-8', 'with its type');
my $policy = header($plain, 'Content-Security-Policy');
like($policy, qr/default-src 'none'/, 'a strict policy');
unlike($policy, qr/unsafe|\*|data:|https?:/, 'without any exception');
like($policy, qr/frame-ancestors 'none'/, 'in no frame');
is(header($plain, 'X-Content-Type-Options'), 'nosniff', 'no sniffing');
is(header($plain, 'Vary'), 'Accept-Encoding', 'two forms');
unlike($plain->{body}, qr/<script(?! type="module" src="[\w.]+"><)|<style|style=| on\w+=|https?:/,
    'nothing stands in the page itself, nothing comes from elsewhere');

my $packed = page('GET /phone/', Accept_Encoding => 'br, gzip');
is(header($packed, 'Content-Encoding'), 'gzip', 'compressed');
gunzip(\$packed->{body}, \my $unpacked);
is($unpacked, $plain->{body}, 'it is the same');
my ($tag, $packed_tag) = map { header($_, 'ETag') } $plain, $packed;
like($tag, qr/^"[0-9a-f]{32}"$/, 'a strong tag');
isnt($packed_tag, $tag, 'another one for the other form');

for (['gzip;q=0', ''], ['gzip;q=0.000, *', ''], ['gzip;q=0.5', 'gzip'],
    ['*', 'gzip'], ['*;q=0', ''], ['GZIP', 'gzip'], ['xgzip, gzippy', ''],
    ['identity', ''], ['deflate;q=1, gzip;q=1.0', 'gzip'], [',,;=', '']) {
    my ($accept, $encoding) = @$_;
    is(header(page('GET /phone/', Accept_Encoding => $accept),
        'Content-Encoding'), $encoding, "Accept-Encoding: $accept");
}

for ($tag, "W/$tag", "\"x\", $tag", '*') {
    my $known = page('GET /phone/', If_None_Match => $_);
    is("$known->{status} $known->{body}", '304 ', "If-None-Match: $_");
    is(header($known, 'ETag'), $tag, 'with its tag') if $_ eq $tag;
}
is(page('GET /phone/', If_None_Match => $packed_tag)->{status}, 200,
    'the tag of the other form is another file');
is(page('GET /phone/', If_None_Match => '"')->{status}, 200, 'nonsense is no tag');

my $head = page('HEAD /phone/');
is("$head->{status} $head->{body}", '200 ', 'HEAD');
is(header($head, 'Content-Length'), length $plain->{body}, 'tells the length');
is(page('POST /phone/')->{status}, 405, 'a page takes no POST');
is(page('GET /phone/nothing.js')->{status}, 404, 'no such file');
is(page('GET /phone/../phone/style.css')->{status}, 200, 'a path is what nginx makes of it');
is(page('GET /phonebook')->{status}, 204, 'a longer name is somebody else\'s');
is(page('GET /b/', host => 'named')->{status}, 200, 'a location that ends in a slash');

my %seen;
my @files = ('dashboard/', 'phone/');
my $weight = 0;
while (defined(my $file = shift @files)) {
    next if $seen{$file}++;
    my $got = page("GET /$file", Accept_Encoding => 'gzip');
    is($got->{status}, 200, "/$file");
    $weight += length $got->{body};
    gunzip(\$got->{body}, \my $text);
    my ($dir) = $file =~ m{^(.*/)};
    push @files, map { "$dir$_" } $text =~ m{(?:src|href)="([\w.]+)"|from "\./([\w.]+)"}g
        ? grep { defined } $text =~ m{(?:src|href)="([\w.]+)"|from "\./([\w.]+)"}g : ();
}
cmp_ok(keys %seen, '>', 15, 'files refer to files');
cmp_ok($weight, '<', 200 * 1024, 'which weigh little');

# ---- signing in

sub login
{
    my ($given, %more) = @_;
    my $host = delete $more{host} // 'voice';
    return ask($port, 'POST /dashboard/login', host => "$host.example.com",
        json => { key => $given }, headers => \%more);
}

sub cookie
{
    my ($answer) = @_;
    return header($answer, 'Set-Cookie') =~ /^([^;]*)/ ? $1 : '';
}

is(page('GET /dashboard/me')->{json}{allowed} ? 1 : 0, 0, 'a stranger');
is(page('GET /sessions', Cookie => 'voiceai=1')->{status}, 401, 'has no business here');
my $in = login($key);
is($in->{status}, 204, 'the right key');
my $set = header($in, 'Set-Cookie');
like($set, qr/^voiceai=[\w.-]+; Path=\/; Max-Age=3600; HttpOnly; SameSite=Strict$/,
    'gives a cookie');
unlike($set, qr/\Q$key\E/, 'that is not the key');
my $cookie = cookie($in);
like(header(login($key, Origin => 'https://voice.example.com'), 'Set-Cookie'),
    qr/^__Host-voiceai=.*; Secure$/, 'over https it is bound to it');

my $me = page('GET /dashboard/me', Cookie => $cookie)->{json};
ok($me->{allowed} && $me->{logout}, 'who has it is known');
is("$me->{phone} $me->{dashboard}", '/phone /dashboard', 'and told where the pages are');
is(page('GET /a/telephone/me', host => 'named')->{json}{dashboard}, '/b/',
    'by the names of their locations');
for my $path ('/sessions', '/dashboard/api/sessions', '/phone/api/sessions',
    '/dashboard/history') {
    is(page("GET $path", Cookie => $cookie)->{status}, 200, "the cookie opens $path");
}
is(page('GET /sessions', Cookie => "a=b; $cookie; c")->{status}, 200, 'among others');
is(page('GET /sessions', Cookie => "x$cookie")->{status}, 401, 'of its very name');
is(page('GET /sessions', Cookie => "__Host-$cookie")->{status}, 200,
    'by the name that it has over https too');

# by hand, as the module makes it
my $ticket = sub {
    my ($issued, $expires, $with, $for) = @_;
    my $body = sprintf '%x.%x.person', $issued, $expires;
    return "voiceai=$body." . hmac_sha256_hex(($for // 'login') . ":$body", $with // $key);
};
my $now = time;
is(page('GET /sessions', Cookie => $ticket->($now - 5, $now + 60))->{status}, 200,
    'a cookie of the key');
is(page('GET /sessions', Cookie => $ticket->($now - 60, $now - 1))->{status}, 401, 'that is over');
is(page('GET /sessions', Cookie => $ticket->($now + 60, $now + 90))->{status}, 401, 'that is not yet');
is(page('GET /sessions', Cookie => $ticket->($now - 5, $now + 60, 'another-key-95'))->{status},
    401, 'of another key');
is(page('GET /sessions', Cookie => $ticket->($now - 5, $now + 60, $key, 'phone'))->{status},
    401, 'of another purpose');
is(page('GET /sessions', Cookie => $cookie, host => 'other')->{status}, 401,
    'it is worth nothing elsewhere');
is(page('GET /sessions', Cookie => substr($cookie, 0, -1) . ($cookie =~ /0$/ ? 1 : 0))->{status},
    401, 'nor with a digit changed');
is(header(page('GET /dashboard/me', Cookie => $cookie), 'Set-Cookie'), '',
    'a new cookie is not renewed');
like(header(page('GET /dashboard/me', Cookie => $ticket->($now - 3000, $now + 600)), 'Set-Cookie'),
    qr/Max-Age=3600;/, 'an old one is');
my ($last) = header(page('GET /dashboard/me',
    Cookie => $ticket->($now - 42000, $now + 600)), 'Set-Cookie') =~ /Max-Age=(\d+)/;
cmp_ok($last // 0, '<=', 1200, 'but not for ever');

# ---- other sites

my $post = sub {
    my (%headers) = @_;
    return ask($port, 'POST /dashboard/api/interrupt-call/CA1', headers =>
        { Cookie => $cookie, %headers })->{status};
};
my $voice = 'http://voice.example.com';
is($post->('X-Voiceai-Page' => 1), 404, 'a command with the cookie');
is($post->(), 403, 'not without the header of our pages');
is($post->('X-Voiceai-Page' => 1, Origin => $voice), 404, 'of our own origin');
is($post->('X-Voiceai-Page' => 1, Origin => 'http://evil.example.com'), 403, 'of another one');
is($post->('X-Voiceai-Page' => 1, Origin => "$voice.evil.example.com"), 403, 'that looks like it');
is($post->('X-Voiceai-Page' => 1, Origin => 'null'), 403, 'of none');
is($post->('X-Voiceai-Page' => 1, 'Sec-Fetch-Site' => 'same-origin'), 404, 'as the browser says');
is($post->('X-Voiceai-Page' => 1, 'Sec-Fetch-Site' => $_), 403, "Sec-Fetch-Site: $_")
    for 'cross-site', 'same-site', '';
is(page('GET /sessions', Cookie => $cookie, Sec_Fetch_Site => 'cross-site')->{status},
    403, 'nor may another site look');
is(ask($port, 'POST /interrupt-call/CA1', key => $key)->{status}, 404,
    'a program with the key needs nothing of that');
is(page('POST /interrupt-call/CA1', host => 'free', Origin => 'http://evil.example.com')->{status},
    403, 'where nginx decides, another site may not either');
is(page('POST /interrupt-call/CA1', host => 'free')->{status}, 404, 'but programs');
is(login($key, Origin => 'http://evil.example.com')->{status}, 403, 'nor sign somebody in');

my $reader = VoiceAI::Stream->open($port, target => '/dashboard/api/events',
    Cookie => $cookie, Origin => $voice);
ok($reader, 'events take the cookie');
$reader->close if $reader;
ok(!VoiceAI::Stream->open($port, target => '/dashboard/api/events',
    Cookie => $cookie, Origin => 'http://evil.example.com'), 'not for another site');

# ---- what the pages can reach

is(page("GET /dashboard/api/$_", Cookie => $cookie)->{status}, 404, "not $_")
    for 'voice/incoming', 'media', 'call-status', 'phone/', 'dashboard/', 'nothing', '',
    'calls', 'calls.csv', 'calls/CA1';
is(page('GET /dashboard/api/health')->{json}{status}, 'ok', 'the health');
is(page("GET $_", host => 'unset')->{status}, 403, "without a key $_ is shut")
    for '/dashboard/api/sessions', '/dashboard/history', '/dashboard/api/events';
is(page('GET /dashboard/me', host => 'unset')->{json}{access}, 'none', 'and says so');
is(login('x', host => 'unset')->{status}, 403, 'there is nothing to sign in to');
is(page('GET /dashboard/me', host => 'free')->{json}{access}, 'open', 'or open');
is(header(page('POST /dashboard/logout', X_Voiceai_Page => 1), 'Set-Cookie')
    =~ /^voiceai=; .*Max-Age=0;/ ? 1 : 0, 1, 'signing out');

# ---- the phone

sub phone
{
    my ($what, $json, %more) = @_;
    return ask($port, "POST /phone/$what", key => $key, json => $json, %more);
}

is(ask($port, 'POST /phone/call', json => {})->{status}, 401, 'a stranger cannot call');
is(ask($port, 'GET /phone/call', key => $key)->{status}, 405, 'nor who asks wrongly');
is(phone('call', 'no')->{status}, 400, 'nor nonsense');
is(phone('call', { to => 'x' x 129 })->{status}, 400, 'nor a number without end');
my $call = phone('call', { from => '<b>', to => '+15550100007' })->{json};
like($call->{call_sid}, qr/^BP[0-9a-f]{32}$/, 'a call of a browser');
is($call->{parameters}{dialled}, '+15550100007', 'with its parameters');
is($call->{media}, '/media', 'and the place of the socket');
is(ask($port, "GET /session/$call->{call_sid}", key => $key)->{json}{from}, '<b>', 'is known');
is(phone('call', '')->{json}{next}, 'connect', 'nobody need say a number');
ok(!exists $call->{say}, 'the assistant greets');
is(phone('call', '', host => 'mute.example.com')->{json}{say}, 'Hello', 'unless it has no voice');
is(ask($port, 'POST /a/telephone/call', host => 'named.example.com', key => $key)->{json}{media},
    '/c/socket', 'the socket is where it is');

sub stream
{
    my ($protocol, %more) = @_;
    return VoiceAI::Stream->open($port, 'Sec-WebSocket-Protocol' => $protocol, %more);
}

my $protocol = join ', ', @{$call->{protocols}};
ok(!VoiceAI::Stream->open($port), 'the socket wants a signature');
ok(!stream('voiceai-phone'), 'or a ticket');
ok(!stream("voiceai-phone, $_"), 'a right one') for 'x', substr($protocol, 15, -1),
    $protocol =~ s/.$/x/r =~ s/^voiceai-phone, //r;
my $stream = stream($protocol);
ok($stream, 'the ticket opens it without any signature');
like($stream->{answer}, qr/^Sec-WebSocket-Protocol: voiceai-phone\r$/m, 'and is agreed on');
$stream->text(start_message($call->{call_sid}, 'wrong'));
is(($stream->closed)[0], 1008, 'the token still counts');
$stream->close;

my $loose = stream($protocol, Host => 'free.example.com');
ok($loose, 'also where streams need none');
$loose->text(start_message("CA$now", undef));
is(($loose->closed)[0], 1008, 'for who comes by a ticket');
$loose->close;

$stream = stream($protocol);
$stream->text(start_message($call->{call_sid}, $call->{parameters}{token}));
ok(wait_for(5, sub { ask($port, "GET /session/$call->{call_sid}", key => $key)->{json}{state}
    eq 'streaming' }), 'the stream begins');

# lost: the page asks, as Twilio would
$stream->reset;
ok(wait_for(5, sub { ask($port, "GET /session/$call->{call_sid}", key => $key)->{json}{state}
    eq 'reconnecting' }), 'and is lost');
my $again = phone('next', { call_sid => $call->{call_sid} })->{json};
is($again->{next}, 'connect', 'it is to connect again');
$stream = stream(join ', ', @{$again->{protocols}});
$stream->text(start_message($again->{call_sid}, $again->{parameters}{token}, stream => 'MZ2'));
ok(wait_for(5, sub { ask($port, "GET /session/$call->{call_sid}", key => $key)->{json}{connections}
    == 2 }), 'with a new ticket');
is(ask($port, "POST /calls/$call->{call_sid}/transfer", key => $key,
    json => { to => '+15550100009' })->{status}, 200, 'a transfer');
is(($stream->closed)[0], 1000, 'closes the stream');
$stream->close;
my $over = phone('next', { call_sid => $call->{call_sid} })->{json};
is("$over->{next} $over->{transfer}", 'hangup +15550100009', 'which a browser cannot follow');
my $session = ask($port, "GET /session/$call->{call_sid}", key => $key)->{json};
is("$session->{state} $session->{status}", 'ended completed', 'so the call is over');
is(phone('next', { call_sid => $_ })->{status}, 404, 'no such call')
    for 'CA1', '', "BP$now", 'x' x 200;
is(phone('next', '[]')->{status}, 404, 'nor this');

my @full = map { phone('call', {}, host => 'full.example.com')->{status} } 1 .. 2;
is("@full", '200 503', 'no more calls than allowed');

my $history = ask($port, 'GET /dashboard/history', key => $key)->{json};
is($history->{history}[-1]{calls}, 1, 'the call is in the history, once');
is(@{$history->{history}[-1]{latency}}, @{$history->{bounds}} + 1, 'with bins for latencies');

# ---- keys that are guessed

my @tried = map { login("guess $_")->{status} } 1 .. 8;
is("@tried", '401 401 401 401 401 429 429 429', 'guessing ends soon');
my $late = login($key);
is($late->{status}, 429, 'the right key has to wait then');
is(header($late, 'Retry-After'), 60, 'for a while');
is(ask($port, 'GET /sessions', key => $key)->{status}, 200, 'who has it by then goes on');
is(page('GET /sessions', Cookie => $cookie)->{status}, 200, 'and who has signed in');
is(login('', host => 'other')->{status}, 429, 'in all servers of the zone');

unlike($server->log, qr/\Q$key\E|guess \d|\Q@{[substr $cookie, 8]}\E/,
    'neither key nor cookie is in the log');
unlike(VoiceAI::slurp($server->dir . '/access.log'), qr/\Q$call->{protocols}[1]\E/,
    'nor a ticket in the access log');
$server->stop;
done_testing();
