# The directive of Redis: what is taken and what "nginx -t" refuses.

use strict;
use warnings;

use lib 't/lib';
use VoiceAI;
use Test::Nginx::Socket;

$ENV{VOICEAI_TEST_EMPTY} = '';

our $minimum = "voiceai on; voiceai_signature off;"
    . " voiceai_public_url https://voice.example.com;";

sub with
{
    return "voiceai_zone calls 1m; voiceai_redis $_[0];";
}

repeat_each(1);
no_shuffle();
plan tests => 2 * 11;
run_tests();

__DATA__

=== TEST 1: Redis that is away
--- http_config eval: ::with('redis://:secret@127.0.0.1:9/2 prefix=p timeout=1s')
--- config eval: $::minimum
--- request
GET /
--- response_body_like: "status":

=== TEST 2: no URL
--- http_config eval: ::with('127.0.0.1')
--- config eval: $::minimum
--- must_die
--- error_log
must begin with "redis://" or "rediss://"

=== TEST 3: no host
--- http_config eval: ::with('redis://')
--- config eval: $::minimum
--- must_die
--- error_log
must begin with "redis://"

=== TEST 4: a host that is not there
--- http_config eval: ::with('redis://127.0.0.1,no-such-host.invalid')
--- config eval: $::minimum
--- must_die
--- error_log
in "no-such-host.invalid" of voiceai_redis

=== TEST 5: a port that is none
--- http_config eval: ::with('redis://127.0.0.1:70000')
--- config eval: $::minimum
--- must_die
--- error_log
invalid port

=== TEST 6: a database that is no number
--- http_config eval: ::with('redis://127.0.0.1/calls')
--- config eval: $::minimum
--- must_die
--- error_log
no number of a database

=== TEST 7: an unknown parameter
--- http_config eval: ::with('redis://127.0.0.1 colour=red')
--- config eval: $::minimum
--- must_die
--- error_log
invalid parameter "colour=red" of voiceai_redis

=== TEST 8: no time
--- http_config eval: ::with('redis://127.0.0.1 timeout=0')
--- config eval: $::minimum
--- must_die
--- error_log
invalid parameter "timeout=0" of voiceai_redis

=== TEST 9: certificates without TLS
--- http_config eval: ::with('redis://127.0.0.1 ca=/etc/hostname')
--- config eval: $::minimum
--- must_die
--- error_log
needs "rediss://"

=== TEST 10: certificates that are none
--- http_config eval: ::with('rediss://127.0.0.1 ca=/etc/hostname')
--- config eval: $::minimum
--- must_die
--- error_log
SSL_CTX_load_verify_locations

=== TEST 11: twice
--- http_config eval: ::with('redis://127.0.0.1; voiceai_redis redis://127.0.0.1')
--- config eval: $::minimum
--- must_die
--- error_log
is duplicate
