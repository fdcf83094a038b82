# A worker dies and Twilio does not come by itself: another worker has it
# connect the calls again, over REST and once.

use strict;
use warnings;

use lib 't/lib';
use FakeTwilio;
use Test::More;
use Time::HiRes qw(sleep);
use VoiceAI;
use VoiceAI::Http;
use VoiceAI::Server;
use VoiceAI::Stream;
use VoiceAI::Twiml;

my $twilio = FakeTwilio->start;
my $server = VoiceAI::Server->new(workers => 4, http => <<"END");
    voiceai_zone calls 1m;
    voiceai_api_key open-sesame-27;
    voiceai_signature off;
    voiceai_tts off;
    voiceai_silence_timeout 0;
    voiceai_idle_timeout 60s;
    voiceai_stt openai url=http://127.0.0.1:%%TLS%%/v1;
    server {
        listen 127.0.0.1:%%PORT%%;
        server_name voice.example.com;
        voiceai on;
        voiceai_public_url https://voice.example.com;
        voiceai_twilio_account_sid @{[$twilio->account]};
        voiceai_twilio_auth_token @{[$twilio->token]};
        voiceai_twilio_api_url @{[$twilio->base]};
        voiceai_twilio_number +15550100001;
    }
END
my $port = $server->port;
my %key = (key => 'open-sesame-27');

# A call that Twilio knows, so that it can be changed.
my $sid = ask($port, 'POST /make-call', %key,
    json => { to_number => '+15550100077' })->{json}{call_sid};
my $form = $twilio->requests->[-1]{form};
my ($path) = $form->{Url} =~ m{^https://[^/]+(/.*)};
my ($token) = ask($port, "POST $path", form => [CallSid => $sid])->{body}
    =~ /name="token" value="(\w+)"/;
my $stream = VoiceAI::Stream->open($port);
$stream->text(start_message($sid, $token));
ok($server->wait_log("call $sid stream \\S+ started"), 'a call on a stream');

my $before = @{$twilio->requests};
my $worker = ask($port, "GET /session/$sid", %key)->{json}{worker};
kill 'KILL', $worker;
is(($stream->closed)[0], 0, 'its worker dies');
$stream->close;
ok(wait_for(15, sub { @{$twilio->requests} > $before }), 'Twilio is asked');
my $asked = $twilio->requests->[$before];
is_deeply($asked->{errors}, [], 'as it wants to be');
is($asked->{form}{Url}, 'https://voice.example.com/voice/continue',
    'to go on with the call');
sleep 2.5;
is(@{$twilio->requests} - $before, 1, 'once, by one of the other workers');
is(ask($port, "GET /session/$sid", %key)->{json}{state}, 'reconnecting',
    'the call is waited for');

my ($faults, $twiml) = read_twiml(ask($port, 'POST /voice/continue',
    form => [CallSid => $sid])->{body});
like($twiml, qr/^Say Sorry, we were cut off\. .*\nConnect\n/, 'it is connected again');
$stream = VoiceAI::Stream->open($port);
$stream->text(start_message($sid, $token, stream => 'MZagain'));
ok($server->wait_log("call $sid stream MZagain started, connection 2"),
    'and has another stream');
$stream->close;

$server->stop(qr/exited on signal 9/);
done_testing();
