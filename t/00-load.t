# The module loads into the server, and says which version it is.

use strict;
use warnings;

use lib 't/lib';
use VoiceAI;
use Test::Nginx::Socket;

our $version = voiceai_version();

repeat_each(2);
plan tests => repeat_each() * 6;
run_tests();

__DATA__

=== TEST 1: a server without any of our directives serves
--- config
    location = /t { return 200 "ok\n"; }
--- request
GET /t
--- response_body
ok
--- no_error_log
[error]
[alert]
[crit]
[emerg]
