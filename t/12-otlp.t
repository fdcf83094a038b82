# The directive of traces: what is taken and what "nginx -t" refuses.

use strict;
use warnings;

use lib 't/lib';
use VoiceAI;
use Test::Nginx::Socket;

our $minimum = "voiceai on; voiceai_signature off;"
    . " voiceai_public_url https://voice.example.com;";

sub with
{
    return "voiceai_zone calls 1m; voiceai_otlp $_[0];";
}

repeat_each(1);
no_shuffle();
plan tests => 2 * 10;
run_tests();

__DATA__

=== TEST 1: all there is
--- http_config eval: ::with('https://127.0.0.1:9/base/ header=A:1 "header=B: 2" service=s sample=0.5')
--- config eval: $::minimum
--- request
GET /
--- response_body_like: "status":

=== TEST 2: none
--- http_config eval: ::with('off')
--- config eval: $::minimum
--- request
GET /
--- response_body_like: "status":

=== TEST 3: no URL
--- http_config eval: ::with('127.0.0.1:4318')
--- config eval: $::minimum
--- must_die
--- error_log
must begin with "http://" or "https://"

=== TEST 4: a URL with arguments
--- http_config eval: ::with('http://127.0.0.1/?key=1')
--- config eval: $::minimum
--- must_die
--- error_log
without arguments

=== TEST 5: more calls than there are
--- http_config eval: ::with('http://127.0.0.1 sample=1.5')
--- config eval: $::minimum
--- must_die
--- error_log
invalid "sample=1.5", it must be between 0 and 1

=== TEST 6: a share that is no number
--- http_config eval: ::with('http://127.0.0.1 sample=')
--- config eval: $::minimum
--- must_die
--- error_log
it must be between 0 and 1

=== TEST 7: a header without a value
--- http_config eval: ::with('http://127.0.0.1 header=Authorization')
--- config eval: $::minimum
--- must_die
--- error_log
invalid header, it must be "NAME:VALUE"

=== TEST 8: a secret that is not there
--- http_config eval: ::with('http://127.0.0.1 header=A:env:VOICEAI_NOT_SET')
--- config eval: $::minimum
--- must_die
--- error_log
environment variable "VOICEAI_NOT_SET" is not set

=== TEST 9: something else
--- http_config eval: ::with('http://127.0.0.1 hedaer=A:1')
--- config eval: $::minimum
--- must_die
--- error_log
unknown parameter of "voiceai_otlp"

=== TEST 10: twice
--- http_config eval: ::with('off; voiceai_otlp http://127.0.0.1')
--- config eval: $::minimum
--- must_die
--- error_log
is duplicate
