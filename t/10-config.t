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
plan tests => 2 * 36 + 1;
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
