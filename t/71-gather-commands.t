# Commands to a call without a stream: Twilio is told over REST to ask for what
# is to be done.  The caller in a box plays Twilio, its REST API included.

use strict;
use warnings;

use lib 't/lib';
use HTTP::Tiny;
use JSON::PP qw(decode_json);
use Test::More;
use Time::HiRes qw(sleep);
use VoiceAI;
use VoiceAI::Server;

my $account = 'AC' . '1' x 32;
my ($token, $key) = ('0123456789abcdef', 'open-sesame');
my $rest = free_port();

my $server = VoiceAI::Server->new(workers => 4, http => <<"END");
    voiceai_zone calls 2m;
    server {
        listen 127.0.0.1:%%PORT%%;
        voiceai on;
        voiceai_mode gather;
        voiceai_public_url https://voice.example.com;
        voiceai_twilio_account_sid $account;
        voiceai_twilio_auth_token $token;
        voiceai_twilio_api_url http://127.0.0.1:$rest/2010-04-01;
        voiceai_api_key $key;
        voiceai_greeting "Hello, how can I help you?";
    }
END
my $url = 'http://127.0.0.1:' . $server->port;

my $count = 0;

# Places a call that says nothing and returns its CallSid, its process and the
# file with what it shows.
sub place
{
    my $sid = sprintf 'CA%032d', ++$count;
    my $log = scratch() . '/call';
    my $pid = start_process({ log => $log }, program('voiceai-sim'), 'call',
        "$url/voice/incoming", '--call-sid', $sid, '--account-sid', $account,
        '--auth-token', $token, '--public-url', 'https://voice.example.com',
        '--listen', "127.0.0.1:$rest", '--max-time', 20, '--pause', 15000);
    wait_for(10, sub { VoiceAI::slurp($log) =~ /how can I help/ })
        or die "no call:\n", VoiceAI::slurp($log);
    return ($sid, $pid, $log);
}

sub command
{
    my ($path, $body) = @_;
    my $answer = HTTP::Tiny->new->post("$url/$path", {
        headers => { Authorization => "Bearer $key" }, content => $body // '' });
    return ($answer->{status}, decode_json($answer->{content}));
}

sub shown
{
    my ($log, $what) = @_;
    return wait_for(10, sub { VoiceAI::slurp($log) =~ $what });
}

my ($sid, $pid, $log) = place();

my ($status, $json) = command("interrupt-call/$sid");
is($status, 200, 'interrupt: taken');
is($json->{call_sid}, $sid, 'of this call');
ok(shown($log, qr/rest .*again=1/), 'Twilio asks again');

($status) = command("calls/$sid/say", '{"text":"This is the operator."}');
is($status, 200, 'say: taken');
ok(shown($log, qr/assistant +This is the operator/), 'and said');

my $session = decode_json(HTTP::Tiny->new->get("$url/session/$sid",
    { headers => { Authorization => "Bearer $key" } })->{content});
is($session->{mode}, 'gather', 'a session without a stream');
is($session->{conversation}[-1]{text}, 'This is the operator.',
    'that remembers it');

($status) = command("calls/$sid/hangup");
is($status, 200, 'hang up: taken');
ok(wait_for(10, sub { !VoiceAI::running($pid) }), 'and the call ends');
stop_process($pid);

($sid, $pid, $log) = place();
($status) = command("calls/$sid/transfer", '{"to":"+15559998888"}');
is($status, 200, 'transfer: taken');
ok(shown($log, qr/twiml +Dial \+15559998888/), 'to the number');
ok(wait_for(10, sub { !VoiceAI::running($pid) }), 'and over after it');
unlike(VoiceAI::slurp($log), qr/assistant.*assistant/s, 'nothing is said twice');
($status, $json) = command("calls/$sid/hangup");
is($status, 409, 'a call that is over');
stop_process($pid);

# nobody plays Twilio now
($status, $json) = command('calls/CA' . '9' x 32 . '/hangup');
is($status, 404, 'a call that nobody knows');

$server->stop;
unlike($server->log, qr/$token/, 'the token is in no log');
done_testing();
