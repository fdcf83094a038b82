#include <stdio.h>

#include "cli_options.h"

static const char call_help[] =
    "voiceai-sim call URL [options] [steps]\n"
    "  places one call to the incoming webhook at URL, as Twilio does\n"
    "\n"
    "steps, done in their order:\n"
    "  --say TEXT            speak a text\n"
    "  --wav FILE            speak a WAV file\n"
    "  --ulaw FILE           speak raw mu-law at 8000 Hz\n"
    "  --dtmf DIGITS         press keys (w: wait half a second)\n"
    "  --wait [MS]           wait until the assistant has finished and was\n"
    "                        silent for MS; done before each step above "
    "unless\n"
    "                        a wait, pause, interrupt or expect precedes it\n"
    "  --pause MS            do nothing for MS\n"
    "  --interrupt [MS]      wait only until the assistant has spoken for MS\n"
    "                        (600)\n"
    "  --expect TEXT         the assistant must have said TEXT since the\n"
    "                        caller's last step; * stands for any words\n"
    "  --expect-time         it must have told the local time, to the minute\n"
    "  --expect-end          the server must end the call\n"
    "  --hangup              hang up; otherwise the server ends the call\n"
    "  --scenario FILE       steps from a file, one a line: say TEXT\n"
    "\n"
    "options of call:\n"
    "  --call-sid SID        instead of a random one\n"
    "  --get                 request the webhook by GET\n"
    "  --silence MS          silence that ends the assistant's turn (800)\n"
    "  --answer-timeout S    how long an answer may take (20)\n"
    "  --max-time S          the caller hangs up then (300)\n"
    "  --stt URL             transcribe what is heard: base URL of an\n"
    "                        OpenAI-compatible service, or\n"
    "                        http://unix:/path/of/socket:/v1\n"
    "  --stt-model NAME      its model (assistant)\n"
    "  --stt-key KEY         its key\n"
    "  --out FILE            write what the caller heard as WAV\n"
    "  --stereo              with the caller on the left\n"
    "  --log FILE            write every message\n"
    "\n";

static const char load_help[] =
    "voiceai-sim load URL [options]\n"
    "  holds many calls at once and measures their pacing\n"
    "\n"
    "options of load:\n"
    "  --calls N             calls at the same time (10)\n"
    "  --ramp N              new calls a second (50)\n"
    "  --seconds S           how long each lasts (10)\n"
    "  --mode listen|talk    listen: the server only listens; talk: the "
    "caller\n"
    "                        speaks whenever the assistant is silent\n"
    "  --wav FILE, --say TEXT  what the caller says\n"
    "  --repeat-calls M      calls one after the other in each place (1)\n"
    "  --allow-remote        leave this machine\n"
    "\n";

static const char common_help[] =
    "options of both:\n"
    "  --auth-token TOKEN    sign as this account does\n"
    "  --public-url URL      the server's own public URL, if it is not URL\n"
    "  --connect-to HOST:PORT  connect streams there\n"
    "  --account-sid SID, --from NUMBER, --to NUMBER\n"
    "  --cacert FILE         trust these authorities\n"
    "  --insecure            trust any certificate\n"
    "  --caller-voice NAME   rms, slt, awb or kal (rms)\n"
    "  --level DB            level of the caller's speech in dBFS\n"
    "  --noise DB            white noise behind the caller in dBFS\n"
    "  --quiet               tell nothing\n"
    "  --json                one JSON object at the end\n"
    "\n"
    "TOKEN and KEY are written as they are, as env:NAME or as file:PATH.\n"
    "\n"
    "exit status: 0 as told, 1 not as told, 2 wrong usage, 3 the connection "
    "or\n"
    "the protocol failed\n";

void cli_help(void)
{
    fputs(call_help, stdout);
    fputs(load_help, stdout);
    fputs("voiceai-sim vad DIR\n"
          "  measures the voice activity detector on recorded speech\n"
          "\n",
          stdout);
    fputs(common_help, stdout);
}
