# Twilio's webhooks and the health page, without a stream.

use strict;
use warnings;

use lib 't/lib';
use VoiceAI;
use Test::Nginx::Socket;
use VoiceAI::Webhook;

our $host = 'https://voice.example.com';
our $zone = 'voiceai_zone calls 1m;';
our $open = "voiceai on; voiceai_public_url $host; voiceai_signature off;";
our $closed = "voiceai on; voiceai_public_url $host;"
    . ' voiceai_twilio_auth_token ' . auth_token() . ';';

our $connect = <<"END";
Connect
  Stream url=wss://voice.example.com/media
    Parameter name=token value=T1
Redirect $host/voice/continue
END

# The body of a real request: many fields, most of them empty.
our $real = 'Called=%2B491703330161&ToState=&CallerCountry=US'
    . '&Direction=outbound-api&CallerState=CA&ToZip=&CallSid=test-call-sid'
    . '&To=%2B491703330161&CallerZip=&ToCountry=DE&CalledZip='
    . '&ApiVersion=2010-04-01&CalledCity=&CallStatus=in-progress'
    . '&From=%2B16505055892&AccountSid=test-account-sid&CalledCountry=DE'
    . '&CallerCity=&ToCity=&FromCountry=US&Caller=%2B16505055892&FromCity='
    . '&CalledState=&FromZip=&FromState=CA';

our $json = '{"event": "ringing"}';
our $hashed = do {
    my ($status, $out) = run_node('oracle/sign.js', 'hash',
        '--url', "$host/voice/incoming?a=b", '--body', $json);
    die $out if $status;
    $out =~ s/\s+\z//r;
};

our $form_type = "Content-Type: application/x-www-form-urlencoded\n";

# A form of exactly so many bytes.
sub form_of
{
    my ($size) = @_;
    my $form = 'CallSid=CA1&Long=';
    return $form . 'x' x ($size - length $form);
}

# A request with a form in chunks.
sub chunked
{
    my ($form) = @_;
    return join '', "POST /voice/incoming HTTP/1.1\r\nHost: a\r\n",
        "Connection: close\r\nTransfer-Encoding: chunked\r\n",
        $form_type =~ s/\n/\r\n/r, "\r\n",
        (map { sprintf "%x\r\n%s\r\n", length, $_ } unpack '(a5000)*', $form),
        "0\r\n\r\n";
}

log_level('info');
repeat_each(2);
no_shuffle();
plan tests => repeat_each() * 466 + 3;
run_tests();

__DATA__

=== TEST 1: health
--- http_config eval: $::zone
--- config eval: $::closed
--- url: /
--- response_headers
Content-Type: application/json
--- response_body eval
qq({"status":"ok","message":"voice AI server is running",)
. qq("active_sessions":0,"public_url":"$::host",)
. qq("version":") . VoiceAI::voiceai_version() . qq("}\n)

=== TEST 2: health by HEAD
--- http_config eval: $::zone
--- config eval: $::closed
--- request
HEAD /
--- response_headers
Content-Type: application/json
--- response_body

=== TEST 3: health by POST
--- http_config eval: $::zone
--- config eval: $::closed
--- url: /
--- form: a=b
--- error_code: 405
--- response_headers
Allow: GET, HEAD
--- response_body
{"error":"use GET"}

=== TEST 4: health in a location of another name
--- http_config eval: $::zone
--- config eval
"voiceai_public_url $::host; voiceai_signature off;
 location = /up { voiceai_health; }"
--- url: /up
--- response_body_like: "status":"ok"

=== TEST 5: an incoming call, signed
--- http_config eval: $::zone
--- config eval: $::closed
--- form: CallSid=CA1&AccountSid=AC1&From=%2B15550100001&To=%2B15550100002
--- signed eval: "$::host/voice/incoming"
--- response_headers
Content-Type: text/xml; charset=utf-8
--- twiml eval: $::connect
--- error_log
voiceai: call CA1 announced

=== TEST 6: a signature that was made elsewhere
--- http_config eval: $::zone
--- config
voiceai_public_url https://example.com;
voiceai_twilio_auth_token secret;
location = /voice/webhook { voiceai_incoming; }
--- url: /voice/webhook
--- form eval: $::real
--- more_headers
X-Twilio-Signature: KOEOMoF/g4CsG6Eh3lIavri38Oc=
--- response_body_like: <Stream url="wss://example.com/media">

=== TEST 7: one byte of the URL differs
--- http_config eval: $::zone
--- config eval: $::closed
--- url: /voice/incoming?a=b
--- form: CallSid=CA1
--- signed eval: "$::host/voice/incoming?a=c"
--- error_code: 403
--- response_headers
Content-Type: application/json
--- response_body
{"error":"wrong signature"}

=== TEST 8: one byte of a parameter differs
--- http_config eval: $::zone
--- config eval: $::closed
--- form: CallSid=CA1
--- signed_form: CallSid=CA2
--- signed eval: "$::host/voice/incoming"
--- error_code: 403

=== TEST 9: a parameter more
--- http_config eval: $::zone
--- config eval: $::closed
--- form: CallSid=CA1&From=1
--- signed_form: CallSid=CA1
--- signed eval: "$::host/voice/incoming"
--- error_code: 403

=== TEST 10: the first character of the signature differs
--- http_config eval: $::zone
--- config eval: $::closed
--- form: CallSid=CA1
--- signed eval: "$::host/voice/incoming"
--- flip: 0
--- error_code: 403

=== TEST 11: a character in its middle
--- http_config eval: $::zone
--- config eval: $::closed
--- form: CallSid=CA1
--- signed eval: "$::host/voice/incoming"
--- flip: 13
--- error_code: 403

=== TEST 12: its last character but the padding
--- http_config eval: $::zone
--- config eval: $::closed
--- form: CallSid=CA1
--- signed eval: "$::host/voice/incoming"
--- flip: 26
--- error_code: 403

=== TEST 13: no signature
--- http_config eval: $::zone
--- config eval: $::closed
--- form: CallSid=CA1
--- error_code: 403
--- error_log
no X-Twilio-Signature for "https://voice.example.com/voice/incoming"

=== TEST 14: an empty signature
--- http_config eval: $::zone
--- config eval: $::closed
--- form: CallSid=CA1
--- more_headers
X-Twilio-Signature:
--- error_code: 403

=== TEST 15: another account's token
--- http_config eval: $::zone
--- config eval
"voiceai on; voiceai_public_url $::host; voiceai_twilio_auth_token 12346;"
--- form: CallSid=CA1
--- signed eval: "$::host/voice/incoming"
--- error_code: 403

=== TEST 16: GET, parameters in the query
--- http_config eval: $::zone
--- config eval: $::closed
--- url: /voice/incoming?CallSid=CA1&From=%2B15550100001&Name=J%C3%BCrgen+A
--- signed eval
"$::host/voice/incoming?CallSid=CA1&From=%2B15550100001&Name=J%C3%BCrgen+A"
--- twiml eval: $::connect

=== TEST 17: GET, a byte of the query differs
--- http_config eval: $::zone
--- config eval: $::closed
--- url: /voice/incoming?CallSid=CA1
--- signed eval: "$::host/voice/incoming?CallSid=CA2"
--- error_code: 403

=== TEST 18: POST with a query
--- http_config eval: $::zone
--- config eval: $::closed
--- url: /voice/incoming?tenant=7&x=%2f
--- form: CallSid=CA1
--- signed eval: "$::host/voice/incoming?tenant=7&x=%2f"
--- twiml eval: $::connect

=== TEST 19: the path as it was sent, not as it is understood
--- http_config eval: $::zone
--- config eval: $::closed
--- url: /voice//%69ncoming
--- form: CallSid=CA1
--- signed eval: "$::host/voice//%69ncoming"
--- twiml eval: $::connect

=== TEST 20: signed with the default port
--- http_config eval: $::zone
--- config eval: $::closed
--- form: CallSid=CA1
--- signed eval: "$::host:443/voice/incoming"
--- twiml eval: $::connect

=== TEST 21: a public URL with a port, signed with it
--- http_config eval: $::zone
--- config
voiceai on; voiceai_public_url https://voice.example.com:8443;
voiceai_twilio_auth_token 12345;
--- form: CallSid=CA1
--- signed: https://voice.example.com:8443/voice/incoming
--- twiml
Connect
  Stream url=wss://voice.example.com:8443/media
    Parameter name=token value=T1
Redirect https://voice.example.com:8443/voice/continue

=== TEST 22: a public URL with a port, signed without
--- http_config eval: $::zone
--- config
voiceai on; voiceai_public_url https://voice.example.com:8443;
voiceai_twilio_auth_token 12345;
--- form: CallSid=CA1
--- signed: https://voice.example.com/voice/incoming
--- response_body_like: <Stream

=== TEST 23: another port
--- http_config eval: $::zone
--- config
voiceai on; voiceai_public_url https://voice.example.com:8443;
voiceai_twilio_auth_token 12345;
--- form: CallSid=CA1
--- signed: https://voice.example.com:8444/voice/incoming
--- error_code: 403

=== TEST 24: a public URL with a path
--- http_config eval: $::zone
--- config
voiceai on; voiceai_public_url https://example.com/phone/;
voiceai_twilio_auth_token 12345;
--- form: CallSid=CA1
--- signed: https://example.com/phone/voice/incoming
--- twiml
Connect
  Stream url=wss://example.com/phone/media
    Parameter name=token value=T1
Redirect https://example.com/phone/voice/continue

=== TEST 25: the name that was asked for does not matter
--- http_config eval: $::zone
--- config eval: $::closed
--- form: CallSid=CA1
--- more_headers
X-Forwarded-Proto: http
X-Forwarded-Host: evil.example.com
--- signed eval: "$::host/voice/incoming"
--- twiml eval: $::connect

=== TEST 26: a JSON body with its hash, signed, is no form
--- http_config eval: $::zone
--- config eval: $::closed
--- url eval: substr $::hashed, length $::host
--- form eval: $::json
--- signed eval: $::hashed
--- signed_form:
--- more_headers
Content-Type: application/json
--- error_code: 400
--- response_body
{"error":"the body is not application/x-www-form-urlencoded"}

=== TEST 27: a JSON body of another hash
--- http_config eval: $::zone
--- config eval: $::closed
--- url eval: substr $::hashed, length $::host
--- form eval: $::json =~ s/ing/ING/r
--- signed eval: $::hashed
--- signed_form:
--- more_headers
Content-Type: application/json
--- error_code: 403

=== TEST 28: a JSON body without a hash
--- http_config eval: $::zone
--- config eval: $::closed
--- form eval: $::json
--- signed eval: "$::host/voice/incoming"
--- signed_form:
--- more_headers
Content-Type: application/json
--- error_code: 403

=== TEST 29: the type of a form has parameters and any case
--- http_config eval: $::zone
--- config eval: $::closed
--- form: CallSid=CA1
--- more_headers
Content-Type: Application/X-WWW-Form-URLencoded ; charset=UTF-8
--- signed eval: "$::host/voice/incoming"
--- twiml eval: $::connect

=== TEST 30: a type that only begins like a form's
--- http_config eval: $::zone
--- config eval: $::open
--- form: CallSid=CA1
--- more_headers
Content-Type: application/x-www-form-urlencoded-not
--- error_code: 400
--- response_body
{"error":"the body is not application/x-www-form-urlencoded"}

=== TEST 31: no type
--- http_config eval: $::zone
--- config eval: $::open
--- request
POST /voice/incoming
CallSid=CA1
--- error_code: 400

=== TEST 32: other methods
--- http_config eval: $::zone
--- config eval: $::open
--- request eval
["PUT /voice/incoming\nCallSid=CA1", "DELETE /voice/incoming?CallSid=CA1",
 "HEAD /voice/incoming?CallSid=CA1", "OPTIONS /voice/continue"]
--- error_code eval: [405, 405, 405, 405]
--- response_headers eval
["Allow: GET, POST", "Allow: GET, POST", "Allow: GET, POST",
 "Allow: GET, POST"]

=== TEST 33: a body of just the size that is taken
--- http_config eval: $::zone
--- config eval: $::open
--- form eval: main::form_of(65536)
--- twiml eval: $::connect
--- no_error_log
[error]

=== TEST 34: a body of a byte more, declared
--- http_config eval: $::zone
--- config eval: $::open
--- form eval: main::form_of(65537)
--- error_code: 400
--- response_body
{"error":"the body is too large"}

=== TEST 35: the same, chunked
--- http_config eval: $::zone
--- config eval: $::open
--- raw_request eval: main::chunked(main::form_of(65537))
--- error_code: 400
--- response_body
{"error":"the body is too large"}
--- no_error_log
[error]

=== TEST 36: a body of the greatest size, chunked
--- http_config eval: $::zone
--- config eval: $::open
--- raw_request eval: main::chunked(main::form_of(65536))
--- twiml eval: $::connect
--- no_error_log
[error]

=== TEST 37: a body that nginx keeps in a file
--- http_config eval: $::zone
--- config eval: "$::closed client_body_buffer_size 1k;"
--- form eval: main::form_of(30000)
--- signed eval: "$::host/voice/incoming"
--- twiml eval: $::connect
--- no_error_log
[error]

=== TEST 38: a body in packets
--- http_config eval: $::zone
--- config eval: $::closed
--- request eval
[["POST /voice/incoming\nCall", {value => "Sid=C", delay_before => 0.05},
  {value => "A1&Fr", delay_before => 0.05},
  {value => "om=%2", delay_before => 0.05},
  {value => "B1", delay_before => 0.05}]]
--- more_headers eval
$::form_type . 'X-Twilio-Signature: '
. VoiceAI::Webhook::signature("$::host/voice/incoming",
                              'CallSid=CA1&From=%2B1') . "\n"
--- twiml eval: $::connect

=== TEST 39: chunks in packets
--- http_config eval: $::zone
--- config eval: $::open
--- raw_request eval
["POST /voice/incoming HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
 . "Content-Type: application/x-www-form-urlencoded\r\n"
 . "Transfer-Encoding: chunked\r\n\r", "\n4\r\nCall\r", "\n3\r\nSid\r\n4",
 "\r\n=CA1\r\n0\r\n", "\r\n"]
--- raw_request_middle_delay: 0.05
--- twiml eval: $::connect

=== TEST 40: a client that goes in the middle of its body
--- http_config eval: $::zone
--- config eval: $::open
--- raw_request eval
"POST /voice/incoming HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
. "Content-Type: application/x-www-form-urlencoded\r\n"
. "Content-Length: 100\r\n\r\nCallSid="
--- shutdown: 1
--- ignore_response

=== TEST 41: an empty body
--- http_config eval: $::zone
--- config eval: $::open
--- form:
--- error_code: 400
--- response_body
{"error":"CallSid is missing"}

=== TEST 42: no CallSid
--- http_config eval: $::zone
--- config eval: $::open
--- form: From=%2B15550100001&callsid=CA1
--- error_code: 400
--- response_headers
Content-Type: application/json
--- response_body
{"error":"CallSid is missing"}

=== TEST 43: no CallSid in the query, one in a GET's body
--- http_config eval: $::zone
--- config eval: $::open
--- request
GET /voice/incoming
CallSid=CA1
--- error_code: 400
--- response_body
{"error":"CallSid is missing"}

=== TEST 44: the longest CallSid
--- http_config eval: $::zone
--- config eval: $::open
--- form eval: 'CallSid=' . 'C' x 128
--- twiml eval: $::connect

=== TEST 45: a CallSid that is too long
--- http_config eval: $::zone
--- config eval: $::open
--- form eval: 'CallSid=' . 'C' x 129
--- error_code: 400
--- response_body
{"error":"CallSid is too long"}

=== TEST 46: per cent signs without their digits, and a null byte
--- http_config eval: $::zone
--- config eval: $::open
--- request eval
[map { "GET /voice/incoming?CallSid=CA1$_" } '&From=%2', '&From=%zz', '%00']
--- error_code eval: [400, 400, 400]
--- response_body eval: [('{"error":"the form is malformed"}' . "\n") x 3]

=== TEST 47: too many fields
--- http_config eval: $::zone
--- config eval: $::open
--- form eval: CORE::join '&', 'CallSid=CA1', map { "a$_=" } 1 .. 256
--- error_code: 400
--- response_body
{"error":"the form has too many fields"}

=== TEST 48: values over their room are cut
--- http_config eval: $::zone
--- config eval: "$::open voiceai_parameter from \$voiceai_from;"
--- form eval: 'CallSid=CA1&From=' . 'f' x 1000
--- twiml eval
$::connect =~ s/(T1\n)/"$1    Parameter name=from value=" . 'f' x 128 . "\n"/er

=== TEST 49: parameters twice, unknown ones, empty ones, signed
--- http_config eval: $::zone
--- config eval: $::closed
--- form: CallSid=CA1&a=2&a=1&a=2&Zz=&%C3%A9=%F0%9F%98%80&b+c=d%26e&=&x
--- signed eval: "$::host/voice/incoming"
--- twiml eval: $::connect

=== TEST 50: a call is known by its first CallSid
--- http_config eval: $::zone
--- config eval: "$::open voiceai_parameter sid \$voiceai_call_sid;"
--- form: CallSid=CA1&CallSid=CA2
--- twiml eval
$::connect =~ s/(T1\n)/$1    Parameter name=sid value=CA1\n/r

=== TEST 51: parameters that XML makes difficult
--- http_config eval: $::zone
--- config eval
"$::open voiceai_parameter from \$voiceai_from;
 voiceai_parameter fixed \"it's <1> & \\\"2\\\"\";"
--- form: CallSid=CA1&From=a%22b%27%26amp;%3Cc%3E%01%0A%09%F0%9F%98%80%FF%ED%A0%80.
--- twiml eval
$::connect =~ s{(T1\n)}{$1
    . "    Parameter name=from value=a\"b'&amp;<c>\\x0a\\x09\xf0\x9f\x98\x80.\n"
    . "    Parameter name=fixed value=it's <1> & \"2\"\n"}er

=== TEST 52: a parameter over Twilio's limit
--- http_config eval: $::zone
--- config eval: "$::open voiceai_parameter long \$arg_long;"
--- url eval: '/voice/incoming?CallSid=CA1&long=' . 'y' x 600
--- twiml eval
$::connect =~ s/(T1\n)/"$1    Parameter name=long value=" . 'y' x 495 . "\n"/er
--- no_error_log
[error]
--- error_log
parameter "long" was cut to Twilio's limit

=== TEST 53: parameters of a location replace those above
--- http_config eval: $::zone
--- config eval
"voiceai_public_url $::host; voiceai_signature off; voiceai_parameter a 1;
 location = /in { voiceai_incoming; voiceai_parameter b 2; }
 location = /also { voiceai_incoming; }"
--- request eval: ["GET /in?CallSid=CA1", "GET /also?CallSid=CA2"]
--- twiml eval
[$::connect =~ s/(T1\n)/$1    Parameter name=b value=2\n/r,
 $::connect =~ s/T1\n/T2\n    Parameter name=a value=1\n/r]

=== TEST 54: the greeting is not said by Twilio where there is a voice
--- http_config eval: $::zone
--- config eval: "$::open voiceai_greeting Hello;"
--- form: CallSid=CA1
--- twiml eval: $::connect

=== TEST 55: the greeting where there is none
--- http_config eval: $::zone
--- config eval
"$::open voiceai_tts off; voiceai_greeting 'Hello <you> & you';
 voiceai_language en-GB; voiceai_voice Polly.Amy;"
--- form: CallSid=CA1
--- twiml eval
"Say language=en-GB voice=Polly.Amy Hello <you> & you\n$::connect"

=== TEST 56: a greeting by the number that was dialled
--- http_config eval
$::zone . <<'END';
map $voiceai_to $greeting {
    +15550100001 "Bakery, hello ${voiceai_from}.";
    default      "Hello.";
}
END
--- config eval: "$::open voiceai_tts off; voiceai_greeting \$greeting;"
--- request eval
["GET /voice/incoming?CallSid=CA1&From=Ann&To=%2B15550100001",
 "GET /voice/incoming?CallSid=CA2&From=Ann&To=%2B15550100002"]
--- twiml eval
["Say Bakery, hello Ann.\n$::connect",
 "Say Hello.\n$::connect" =~ s/T1/T2/r]

=== TEST 57: a greeting that is longer than Twilio says
--- http_config eval: $::zone
--- config eval: "$::open voiceai_tts off; voiceai_greeting \$arg_g\$arg_g;"
--- url eval: '/voice/incoming?CallSid=CA1&g=' . 'x' x 3000
--- twiml eval: 'Say ' . 'x' x 3000 . "\n$::connect"

=== TEST 58: an empty greeting says nothing
--- http_config eval: $::zone
--- config eval: "$::open voiceai_tts off; voiceai_greeting \$arg_none;"
--- form: CallSid=CA1
--- twiml eval: $::connect

=== TEST 59: locations of other names
--- http_config eval: $::zone
--- config eval
"voiceai_public_url $::host; voiceai_signature off;
 location = /in { voiceai_incoming; }
 location /go/on { voiceai_continue; }
 location = /socket { voiceai_media; }"
--- url: /in?CallSid=CA1
--- twiml
Connect
  Stream url=wss://voice.example.com/socket
    Parameter name=token value=T1
Redirect https://voice.example.com/go/on

=== TEST 60: a location that would serve everything does not swallow a call
--- http_config eval: $::zone
--- config eval: "$::open location /voice { stub_status; }"
--- request eval: ["GET /voice/incoming?CallSid=CA1", "GET /voice/other"]
--- response_body_like eval: ['<Stream', 'Active connections']

=== TEST 61: an exact location with a handler of its own wins
--- http_config eval: $::zone
--- config eval: "$::open location = / { stub_status; }"
--- request eval: ["GET /", "GET /voice/incoming?CallSid=CA1"]
--- response_body_like eval: ['Active connections', '<Stream']

=== TEST 62: what a location returns comes first
--- http_config eval: $::zone
--- config eval: "$::open location /voice { return 410; }"
--- request eval: ["GET /voice/incoming?CallSid=CA1", "GET /"]
--- error_code eval: [410, 200]

=== TEST 63: access rules of the location apply
--- http_config eval: $::zone
--- config eval: "$::open location /voice { deny all; }"
--- request eval: ["GET /voice/incoming?CallSid=CA1", "GET /"]
--- error_code eval: [403, 200]
--- no_error_log
[crit]

=== TEST 64: a server without it
--- http_config eval: "$::zone $::open"
--- config
voiceai off;
--- form: CallSid=CA1
--- error_code: 404
--- no_error_log
[alert]

=== TEST 65: a webhook that is repeated keeps its token
--- http_config eval: $::zone
--- config eval: $::open
--- request eval
["GET /voice/incoming?CallSid=CA1", "GET /voice/incoming?CallSid=CA2",
 "GET /voice/incoming?CallSid=CA1"]
--- twiml eval: [$::connect, $::connect =~ s/T1/T2/r, $::connect]

=== TEST 66: calls that differ in a byte are different calls
--- http_config eval: $::zone
--- config eval: $::open
--- request eval
[map { "GET /voice/incoming?CallSid=$_" } 'CA1', 'CA', 'ca1', 'CA1 ' =~ s/ /+/r]
--- twiml eval: [map { $::connect =~ s/T1/T$_/r } 1 .. 4]

=== TEST 67: a zone that is full
--- http_config
voiceai_zone calls 160k;
--- config eval: $::open
--- pipelined_requests eval
[map { "GET /voice/incoming?CallSid=CA$_" } 1 .. 12, 1]
--- twiml eval
[$::connect, (undef) x 9, ("Say I am sorry, all our lines are busy. Please call"
    . " again later.\nHangup\n") x 2, $::connect]
--- whole_log
call CA11 refused, zone "calls" is full
call CA12 refused, zone "calls" is full
--- no_error_log
[error]
ngx_slab_alloc

=== TEST 68: what comes after a call that nobody knows
--- http_config eval: $::zone
--- config eval: $::closed
--- url: /voice/continue
--- form: CallSid=CA1&CallStatus=in-progress
--- signed eval: "$::host/voice/continue"
--- twiml: Hangup

=== TEST 69: it is signed too
--- http_config eval: $::zone
--- config eval: $::closed
--- url: /voice/continue
--- form: CallSid=CA1
--- signed eval: "$::host/voice/incoming"
--- error_code: 403

=== TEST 70: and names its call
--- http_config eval: $::zone
--- config eval: $::open
--- url: /voice/continue
--- form: CallSid=
--- error_code: 400
--- response_body
{"error":"CallSid is missing"}

=== TEST 71: what comes after a call whose stream never came
--- http_config eval: $::zone
--- config eval: $::open
--- pipelined_requests eval
["GET /voice/incoming?CallSid=CA1", "GET /voice/continue?CallSid=CA1"]
--- twiml eval: [$::connect, $::connect]
--- whole_log
voiceai: call CA1 connected again

=== TEST 72: two servers
--- http_config eval
"$::zone voiceai_zone others 1m; server {
    listen \$TEST_NGINX_SERVER_PORT; server_name other.example.com;
    voiceai on; voiceai_zone others; voiceai_signature off;
    voiceai_public_url https://other.example.com;
}"
--- config eval: $::open
--- raw_request eval
CORE::join '', map { "GET $_ HTTP/1.1\r\nHost: other.example.com\r\n"
    . "Connection: close\r\n\r\n" } '/voice/incoming?CallSid=CA1'
--- twiml
Connect
  Stream url=wss://other.example.com/media
    Parameter name=token value=T1
Redirect https://other.example.com/voice/continue

=== TEST 73: requests on one connection
--- http_config eval: $::zone
--- config eval: $::open
--- pipelined_requests eval
["POST /voice/incoming\nCallSid=CA1", "POST /voice/incoming\nFrom=x",
 "PUT /voice/incoming\nCallSid=CA1",
 "POST /voice/incoming\n" . main::form_of(65537),
 "GET /", "GET /voice/continue\nsome body", "POST /\nsome body",
 "POST /voice/incoming\nCallSid=CA1"]
--- more_headers eval: [($::form_type) x 8]
--- error_code eval: [200, 400, 405, 400, 200, 400, 405, 200]
--- response_body_like eval
['<Stream', 'CallSid is missing', 'use GET or POST', 'too large', '"status"',
 'CallSid is missing', 'use GET', '<Stream']

=== TEST 74: variables of a webhook in the access log
--- http_config eval
$::zone . q(log_format call '[$voiceai_call_sid] [$voiceai_account_sid] '
    '[$voiceai_from] [$voiceai_to] [$voiceai_direction] [$voiceai_stream_sid] '
    '[$voiceai_param_x] [$voiceai_turns] [$voiceai_duration] '
    '[$voiceai_reason]';)
--- config eval: "$::open access_log logs/access.log call;"
--- form: CallSid=CA1&AccountSid=AC1&From=%2B1&To=%2B2&Direction=inbound
--- access_log
[CA1] [AC1] [+1] [+2] [inbound] [] [-] [0] [0.000] []

=== TEST 75: the variables elsewhere
--- http_config eval: $::zone
--- config eval
"$::open location = /t { return 200 '[\$voiceai_call_sid][\$voiceai_turns]"
. "[\$voiceai_param_x][\$voiceai_reason]\n'; }"
--- url: /t
--- response_body
[][][][]

=== TEST 76: no key or signature in the log
--- http_config eval: $::zone
--- config eval
"voiceai on; voiceai_public_url $::host;
 voiceai_twilio_auth_token hush-hush-hush;"
--- form: CallSid=CA1&CallToken=secret-of-the-call
--- more_headers
X-Twilio-Signature: AAAAAAAAAAAAAAAAAAAAAAAAAAA=
--- error_code: 403
--- no_error_log
hush-hush-hush
secret-of-the-call
AAAAAAAAAAAAAAAAAAAAAAAAAAA=
[error]

=== TEST 77: a subrequest cannot become a media socket
--- http_config eval: $::zone
--- config eval
"$::open location = /t { auth_request /media; return 200; }
 location = /u { auth_request /media; stub_status; }"
--- url: /u
--- error_code: 500
--- no_error_log
[alert]
