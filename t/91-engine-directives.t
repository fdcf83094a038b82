# What "nginx -t" has to say about engines.

use strict;
use warnings;

use lib 't/lib';
use Test::More;
use VoiceAI;

my $dir = scratch();
my $load = join '', map { "load_module $_;\n" } split ' ',
    $ENV{TEST_NGINX_LOAD_MODULES} // '';
my $temporary = join '', map { "${_}_temp_path $dir/$_;\n" }
    qw(client_body proxy fastcgi uwsgi scgi);

# Returns whether this configuration is taken, and what is said about it.
sub check
{
    my ($http, $server) = @_;
    open my $out, '>', "$dir/nginx.conf" or die;
    print $out <<"END";
$load
pid $dir/nginx.pid;
error_log stderr;
events { }
http {
$temporary
    access_log off;
    voiceai_zone calls 1m;
    voiceai_signature off;
    voiceai_public_url https://voice.example.com;
    $http
    server { listen 127.0.0.1:1; voiceai on; $server }
}
END
    close $out;
    my ($rc, $text) = run_command($ENV{TEST_NGINX_BINARY}, '-t', '-p', $dir,
        '-e', 'stderr', '-c', "$dir/nginx.conf");
    return ($rc, $text);
}

my $url = 'url=http://127.0.0.1/v1';
open my $out, '>', "$dir/ca.pem" or die;
close $out;
open $out, '>', "$dir/schema.json" or die;
print $out "{\"type\":\"object\"}\n";
close $out;

for my $case (
    [ 'all parameters', "voiceai_llm openai $url key=k model=m language=en "
        . 'connect_timeout=1s first_timeout=1s idle_timeout=1s timeout=1s '
        . "max_fails=0 fail_timeout=1m proxy=http://me:pw\@127.0.0.1:3128 "
        . "ca=$dir/ca.pem cert=$dir/ca.pem cert_key=$dir/ca.pem tls=1.3 "
        . 'param.temperature=0.3 "param.stop=[\"a b\"]" param.empty=;' ],
    [ 'several, and the built-in one behind them',
        "voiceai_llm openai $url; voiceai_llm openai $url model=n; voiceai_llm builtin;" ],
    [ 'the same one twice', "voiceai_llm openai $url; voiceai_llm openai $url;" ],
    [ 'eight', "voiceai_tts openai $url;" x 8 ],
    [ 'no voice', 'voiceai_tts off;' ],
    [ 'tools', 'voiceai_tools hang_up transfer send_dtmf repeat;'
        . 'voiceai_transfer_target a +15550100001; voiceai_transfer_target b client:me;'
        . "voiceai_tool one http://127.0.0.1/x method=GET schema=file:$dir/schema.json "
        . 'key=k "header=A: b" timeout=1s "description=One." tls=1.3;'
        . "voiceai_tool two http://unix:/tmp/s:/x 'schema={}';"
        . 'voiceai_tool_filler ""; voiceai_tool_filler_after 1s;' ],
    [ 'local ones with parameters',
        'voiceai_stt local url=http://unix:/tmp/s:/v1; voiceai_tts local voice=v;' ],
) {
    my ($name, $line) = @$case;
    my ($rc, $text) = check('', $line);
    is($rc, 0, $name) or diag($text);
}

for my $case (
    [ 'nine', "voiceai_tts openai $url;" x 9, 'is given too often' ],
    [ 'a recogniser that is a model', "voiceai_stt builtin;", 'unknown engine "builtin"' ],
    [ 'no voice and one', "voiceai_tts off; voiceai_tts openai $url;",
        'directive cannot follow "off"' ],
    [ 'one and no voice', "voiceai_tts openai $url; voiceai_tts off;",
        'cannot be "off" after an engine' ],
    [ 'no voice, in French', 'voiceai_tts off language=fr;', 'invalid parameter "language"' ],
    [ 'a built-in one with a key', 'voiceai_llm builtin key=hush;', 'invalid parameter "key"' ],
    [ 'a proxy of another kind', "voiceai_llm openai $url proxy=socks5://hush;",
        'invalid proxy, it must begin with "http://"' ],
    [ 'authorities that are not there', "voiceai_llm openai $url ca=$dir/none.pem;",
        'none.pem" failed' ],
    [ 'a key without a certificate', "voiceai_llm openai $url cert_key=$dir/ca.pem;",
        'has a "cert_key" without a "cert" parameter' ],
    [ 'TLS of last century', "voiceai_llm openai $url tls=1.0;",
        'invalid tls "1.0", it must be "1.2" or "1.3"' ],
    [ 'a negative number', "voiceai_llm openai $url max_fails=-1;",
        'invalid max_fails "-1", it must be 0 to 1000' ],
    [ 'a pause of nothing', "voiceai_llm openai $url fail_timeout=0;",
        'invalid time "fail_timeout=0"' ],
    [ 'a parameter without a name', "voiceai_llm openai $url param.=hush;",
        'invalid parameter "param."' ],
    [ 'a parameter without a value', "voiceai_llm openai $url param.hush;",
        'it must be "param.NAME=VALUE"' ],
    [ 'a parameter twice', "voiceai_llm openai $url param.a=1 param.a=hush;",
        'duplicate parameter "param.a"' ],
    [ 'too many parameters',
        "voiceai_llm openai $url " . join(' ', map { "param.p$_=1" } 0 .. 32) . ';',
        'more than 32 parameters "param."' ],
    [ 'a transfer to nowhere', 'voiceai_tools transfer;',
        '"voiceai_tools transfer" needs "voiceai_transfer_target"' ],
    [ 'a tool that is not there', 'voiceai_tools shout;', 'invalid value "shout"' ],
    [ 'a target that is none', 'voiceai_transfer_target a 555;',
        'needs a number in E.164 form' ],
    [ 'a target twice', 'voiceai_transfer_target a +15550100001;' x 2, 'is duplicate' ],
    [ 'a tool twice', 'voiceai_tool a http://h/x;' x 2, 'is duplicate' ],
    [ 'a tool of our name', 'voiceai_tool transfer http://h/x;',
        'name that is taken by a tool of the module' ],
    [ 'a tool with a bad name', 'voiceai_tool a.b http://h/x;', 'must have a name' ],
    [ 'a tool by a bad method', 'voiceai_tool a http://h/x method=HEAD;',
        'invalid method "HEAD"' ],
    [ 'a tool with a bad URL', 'voiceai_tool a ftp://h/x;', 'invalid url "ftp://h/x"' ],
    [ 'a schema that is none', "voiceai_tool a http://h/x 'schema=[]';",
        'the schema of tool "a" is no JSON object' ],
    [ 'a schema that is no JSON', "voiceai_tool a http://h/x 'schema={a}';",
        'the schema of tool "a" is no JSON object: ' ],
    [ 'a header without a name', 'voiceai_tool a http://h/x header=:hush;',
        'invalid header, it must be "NAME:VALUE"' ],
    [ 'a tool with a model', 'voiceai_tool a http://h/x model=hush;',
        'invalid parameter "model"' ],
    [ 'a key that is not set', "voiceai_llm openai $url key=env:VOICEAI_NO_SUCH_KEY;",
        'environment variable "VOICEAI_NO_SUCH_KEY" is not set' ],
) {
    my ($name, $line, $expected) = @$case;
    my ($rc, $text) = check('', $line);
    isnt($rc, 0, "$name is refused");
    like($text, qr/\Q$expected\E/, 'and why is told');
    unlike($text, qr/hush/, 'without what may be secret') if $line =~ /hush/
        && $name !~ /without a value/;
}

for my $case (
    [ 'voiceai_phrase_cache 1k;', 'invalid size "1k", it must be at least 262144' ],
    [ 'voiceai_phrase_cache on;', 'invalid size "on"' ],
    [ 'voiceai_phrase_cache 1m; voiceai_phrase_cache 1m;', 'is duplicate' ],
) {
    my ($line, $expected) = @$case;
    my (undef, $said) = check($line, '');
    like($said, qr/\Q$expected\E/, "$line is refused");
}

# A level that has an engine of a stage takes none of the level above.
my ($rc, $text) = check('voiceai_tts off;', "voiceai_tts openai $url;");
is($rc, 0, 'a level of its own') or diag($text);
($rc, $text) = check('voiceai_zone voiceai_providers 1m;', '');
like($text, qr/"voiceai_providers"/, 'a zone of the name of ours');

# A server that refuses its configuration ends without freeing anything.
VoiceAI::check_reports('what nginx refuses', 'refused');

done_testing;
