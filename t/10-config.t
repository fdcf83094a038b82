# Directives: what is taken, what "nginx -t" refuses, and how levels merge.

use strict;
use warnings;

use lib 't/lib';
use VoiceAI;
use Test::Nginx::Socket;

$ENV{VOICEAI_TEST_TOKEN} = '12345';

my $dir = scratch();
open my $out, '>', "$dir/token" or die;
print $out "12345\n";
close $out;
open $out, '>', "$dir/empty" or die;
close $out;
$ENV{TEST_NGINX_DIR} = $dir;

our $zone = 'voiceai_zone calls 1m;';
our $minimum = "voiceai on; voiceai_public_url https://voice.example.com;";

repeat_each(1);
no_shuffle();
plan tests => 2 * 67 + 2;
run_tests();

__DATA__

=== TEST 1: ten lines are enough
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_twilio_auth_token 12345;"
--- request
GET /
--- response_body_like: "status":"ok".*"active_sessions":0.*"public_url":"https://voice.example.com"

=== TEST 2: a zone is needed
--- config eval
"$::minimum voiceai_signature off;"
--- must_die
--- error_log
"voiceai" needs "voiceai_zone"

=== TEST 3: a public URL is needed
--- http_config eval: $::zone
--- config
voiceai on; voiceai_signature off;
--- must_die
--- error_log
"voiceai" needs "voiceai_public_url"

=== TEST 4: no token does not mean no check
--- http_config eval: $::zone
--- config eval: $::minimum
--- must_die
--- error_log
"voiceai" needs "voiceai_twilio_auth_token" or "voiceai_signature off"

=== TEST 5: a location with a handler has the same needs
--- http_config eval: $::zone
--- config
location /in { voiceai_incoming; }
--- must_die
--- error_log
"voiceai" needs "voiceai_public_url"

=== TEST 6: a token from the environment
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_twilio_auth_token env:VOICEAI_TEST_TOKEN;"
--- request
GET /
--- response_body_like: "status":"ok"

=== TEST 7: a variable that is not set
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_twilio_auth_token env:VOICEAI_NO_SUCH_TOKEN;"
--- must_die
--- error_log
environment variable "VOICEAI_NO_SUCH_TOKEN" is not set

=== TEST 8: a token from a file
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_twilio_auth_token file:$ENV{TEST_NGINX_DIR}/token;"
--- request
GET /
--- response_body_like: "status":"ok"

=== TEST 9: a file that does not exist
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_twilio_auth_token file:$ENV{TEST_NGINX_DIR}/none;"
--- must_die
--- error_log
failed (2: No such file or directory)

=== TEST 10: an empty file
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_twilio_auth_token file:$ENV{TEST_NGINX_DIR}/empty;"
--- must_die
--- error_log
is empty

=== TEST 11: a public URL without a scheme
--- http_config eval: $::zone
--- config
voiceai_public_url voice.example.com;
--- must_die
--- error_log
must begin with "https://" or "http://"

=== TEST 12: a public URL with a query
--- http_config eval: $::zone
--- config
voiceai_public_url https://voice.example.com/?a=b;
--- must_die
--- error_log
must have no query, fragment or credentials

=== TEST 13: a duplicate
--- http_config eval: $::zone
--- config
voiceai_public_url https://a.example.com;
voiceai_public_url https://b.example.com;
--- must_die
--- error_log
"voiceai_public_url" directive is duplicate

=== TEST 14: a zone that is too small
--- http_config
voiceai_zone calls 8k;
--- config
--- must_die
--- error_log
zone "calls" is too small

=== TEST 15: a zone without a name that is known
--- http_config
voiceai_zone calls;
--- config eval
"$::minimum voiceai_signature off;"
--- must_die
--- error_log
zero size shared memory zone "calls"

=== TEST 16: a zone with a size inside a server
--- config
voiceai_zone calls 1m;
--- must_die
--- error_log
can be given on the "http" level only

=== TEST 17: one zone twice
--- http_config
voiceai_zone calls 1m;
voiceai_zone calls 1m;
--- config
--- must_die
--- error_log
duplicate zone "calls"

=== TEST 18: two zones, the second by name
--- http_config
voiceai_zone calls 1m;
voiceai_zone others 1m;
--- config eval
"$::minimum voiceai_signature off; voiceai_zone others;"
--- request
GET /
--- response_body_like: "status":"ok"

=== TEST 19: an unknown mode
--- config
voiceai_mode fax;
--- must_die
--- error_log
invalid value "fax"

=== TEST 20: a silence threshold that is too short
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_signature off; voiceai_silence_threshold 199ms;"
--- must_die
--- error_log
"voiceai_silence_threshold" must be 200ms to 60000ms

=== TEST 21: the shortest silence threshold
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_signature off; voiceai_silence_threshold 200ms;"
--- request
GET /
--- response_body_like: "status":"ok"

=== TEST 22: a pre-roll that is too long
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_signature off; voiceai_preroll 1001ms;"
--- must_die
--- error_log
"voiceai_preroll" must be 0ms to 1000ms

=== TEST 23: an utterance that is too long
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_signature off; voiceai_max_utterance 121s;"
--- must_die
--- error_log
"voiceai_max_utterance" must be 1000ms to 120000ms

=== TEST 24: too far ahead
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_signature off; voiceai_send_ahead 11s;"
--- must_die
--- error_log
"voiceai_send_ahead" must be 100ms to 10000ms

=== TEST 25: an engine that nobody knows
--- config
voiceai_stt shouting url=http://127.0.0.1/v1;
--- must_die
--- error_log
unknown engine "shouting"

=== TEST 26: an engine without a URL
--- config
voiceai_stt openai model=whisper-1;
--- must_die
--- error_log
"voiceai_stt" directive needs a "url" parameter

=== TEST 27: an unknown parameter is named, its value is not
--- config
voiceai_llm openai url=http://127.0.0.1/v1 secret=hush;
--- must_die
--- error_log
invalid parameter "secret"
--- no_error_log
hush

=== TEST 28: a bad URL
--- config
voiceai_llm openai url=ftp://127.0.0.1/v1;
--- must_die
--- error_log
invalid url "ftp://127.0.0.1/v1"

=== TEST 29: a bad rate
--- config
voiceai_tts openai url=http://127.0.0.1/v1 rate=12;
--- must_die
--- error_log
invalid rate "12"

=== TEST 30: a bad time
--- config
voiceai_tts openai url=http://127.0.0.1/v1 timeout=soon;
--- must_die
--- error_log
invalid time "timeout=soon"

=== TEST 31: a recogniser cannot be off
--- config
voiceai_stt off;
--- must_die
--- error_log
"voiceai_stt" directive cannot be "off"

=== TEST 32: the name of the token is taken
--- config
voiceai_parameter token mine;
--- must_die
--- error_log
has a name that is taken by the stream's token

=== TEST 33: a parameter twice
--- config
voiceai_parameter colour red;
voiceai_parameter colour blue;
--- must_die
--- error_log
"voiceai_parameter" directive is duplicate

=== TEST 34: two handlers in one location
--- config
location /in { voiceai_incoming; voiceai_media; }
--- must_die
--- error_log
"voiceai_media" directive is given beside another handler

=== TEST 35: a media location needs one name
--- config
location ~ ^/m { voiceai_media; }
--- must_die
--- error_log
cannot stand in a location given by a regular expression

=== TEST 36: a thread pool that nobody declared
--- http_config
voiceai_zone calls 1m;
voiceai_thread_pool none;
--- config eval
"$::minimum voiceai_signature off;"
--- must_die
--- error_log
unknown thread pool "none"

=== TEST 37: a confidence of 1.01
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_signature off; voiceai_min_confidence 1.01;"
--- must_die
--- error_log
"voiceai_min_confidence" directive must be 0 to 1

=== TEST 38: a confidence of 0.755
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_signature off; voiceai_min_confidence 0.755;"
--- must_die
--- error_log
"voiceai_min_confidence" directive must be 0 to 1

=== TEST 39: a confidence of -1
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_signature off; voiceai_min_confidence -1;"
--- must_die
--- error_log
"voiceai_min_confidence" directive must be 0 to 1

=== TEST 40: a confidence of often
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_signature off; voiceai_min_confidence often;"
--- must_die
--- error_log
"voiceai_min_confidence" directive must be 0 to 1

=== TEST 41: an ear for what Twilio does not hear
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_signature off; voiceai_gather_input sound;"
--- must_die
--- error_log
"voiceai_gather_input" must be "speech", "dtmf" or "dtmf speech"

=== TEST 42: a speech timeout of 0
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_signature off; voiceai_speech_timeout 0;"
--- must_die
--- error_log
"voiceai_speech_timeout" must be "auto" or 1 to 999 seconds

=== TEST 43: a speech timeout of 05
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_signature off; voiceai_speech_timeout 05;"
--- must_die
--- error_log
"voiceai_speech_timeout" must be "auto" or 1 to 999 seconds

=== TEST 44: a speech timeout of 1000
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_signature off; voiceai_speech_timeout 1000;"
--- must_die
--- error_log
"voiceai_speech_timeout" must be "auto" or 1 to 999 seconds

=== TEST 45: a speech timeout of soon
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_signature off; voiceai_speech_timeout soon;"
--- must_die
--- error_log
"voiceai_speech_timeout" must be "auto" or 1 to 999 seconds

=== TEST 46: an answer that Twilio does not wait for
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_signature off; voiceai_answer_timeout 13s;"
--- must_die
--- error_log
"voiceai_answer_timeout" must be 500ms to 12000ms

=== TEST 47: an unknown way with machines
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_signature off; voiceai_answering_machine talk;"
--- must_die
--- error_log
invalid value "talk"

=== TEST 48: a key that is not set
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_signature off; voiceai_api_key env:VOICEAI_NO_SUCH_KEY;"
--- must_die
--- error_log
environment variable "VOICEAI_NO_SUCH_KEY" is not set

=== TEST 49: an empty key
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_signature off; voiceai_api_key file:$ENV{TEST_NGINX_DIR}/empty;"
--- must_die
--- error_log
is empty

=== TEST 50: two keys; neither is told
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_signature off; voiceai_api_key hush; voiceai_api_key mush;"
--- must_die
--- error_log
"voiceai_api_key" directive is duplicate
--- no_error_log
hush

=== TEST 51: an API that is no URL of the web
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_signature off; voiceai_twilio_api_url ftp://127.0.0.1;"
--- must_die
--- error_log
"voiceai_twilio_api_url" must begin with "https://" or "http://"

=== TEST 52: two places for one webhook
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_signature off; location = /a { voiceai_outbound; } location = /b { voiceai_outbound; }"
--- must_die
--- error_log
"voiceai_outbound" directive is given twice in one server

=== TEST 53: outbound needs one name
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_signature off; location ~ ^/m { voiceai_outbound; }"
--- must_die
--- error_log
cannot stand in a location given by a regular expression

=== TEST 54: call_status needs one name
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_signature off; location ~ ^/m { voiceai_call_status; }"
--- must_die
--- error_log
cannot stand in a location given by a regular expression

=== TEST 55: process_speech needs one name
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_signature off; location ~ ^/m { voiceai_process_speech; }"
--- must_die
--- error_log
cannot stand in a location given by a regular expression

=== TEST 56: a page beside another
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_signature off; location = /a { voiceai_events; voiceai_sessions; }"
--- must_die
--- error_log
"voiceai_sessions" directive is given beside another handler

=== TEST 57: a page in an exact location
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_signature off; location = /a { voiceai_phone; }"
--- must_die
--- error_log
"voiceai_phone" directive cannot stand in an exact location

=== TEST 58: a page in a regular expression
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_signature off; location ~ /a { voiceai_dashboard; }"
--- must_die
--- error_log
"voiceai_dashboard" directive cannot stand in a location given by a regular expression

=== TEST 59: all of it at its limits
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_signature off; voiceai_min_confidence 0.05;
 voiceai_mode gather; voiceai_gather_input 'dtmf speech';
 voiceai_speech_timeout 999; voiceai_answer_timeout 12s;
 voiceai_speech_model deepgram_nova-2; voiceai_hints 'a, b';
 voiceai_answering_machine message; voiceai_filler Wait.;
 voiceai_farewell Bye.; voiceai_twilio_api_url http://127.0.0.1:1/x/;
 voiceai_api_key file:$ENV{TEST_NGINX_DIR}/token;
 location = /a { voiceai_make_call; } location = /b { voiceai_calls; }
 location ~ ^/c { voiceai_interrupt_call; } location = /d { voiceai_events; }
 location = /e { voiceai_sessions; } location ~ ^/f { voiceai_session; }
 location = /g { voiceai_outbound; } location = /h { voiceai_call_status; }
 location = /i { voiceai_process_speech; }"
--- request
GET /voice/incoming?CallSid=CA1
--- response_body_like: action="https://voice.example.com/i".* speechTimeout="999"

=== TEST 60: an unknown way of endpointing
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_signature off; voiceai_endpointing clever;"
--- must_die
--- error_log
invalid value "clever"

=== TEST 61: a minimum of silence that is none
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_signature off; voiceai_endpointing_min 99ms;"
--- must_die
--- error_log
"voiceai_endpointing_min" must be 100ms to 10000ms

=== TEST 62: a hold that is no hold any more
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_signature off; voiceai_barge_in_hold 6s;"
--- must_die
--- error_log
"voiceai_barge_in_hold" must be 0ms to 5000ms

=== TEST 63: words that are no number
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_signature off; voiceai_barge_in_words two;"
--- must_die
--- error_log
invalid number

=== TEST 64: a warning with no time to end
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_signature off; voiceai_max_duration_warning 'Bye.' 10ms;"
--- must_die
--- error_log
invalid time "10ms", it must be 1s or more

=== TEST 65: two warnings
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_signature off; voiceai_max_duration_warning a; voiceai_max_duration_warning b 2s;"
--- must_die
--- error_log
"voiceai_max_duration_warning" directive is duplicate

=== TEST 66: all that turn-taking knows
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_signature off; voiceai_endpointing fixed;
voiceai_endpointing_min 100ms; voiceai_preemptive on;
voiceai_barge_in_words 2; voiceai_barge_in_hold 0; voiceai_barge_in_dtmf off;
voiceai_silence_timeout 0; voiceai_silence_prompt ''; voiceai_silence_prompts 0;
voiceai_history_tokens 2000; voiceai_history_turns 10;
voiceai_max_duration_warning 'Bye, \$voiceai_from.' 10s;"
--- request
GET /
--- response_body_like: "status":"ok"

=== TEST 67: recordings go into a directory that is there
--- http_config eval: $::zone
--- config eval
"$::minimum voiceai_signature off; voiceai_record /nowhere/at/all;"
--- must_die
--- error_log
"/nowhere/at/all" is not a directory
