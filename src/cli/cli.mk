# voiceai-sim.  Everything but its main is a library, so that unit tests can
# link the parts that do no I/O.

CLI_SRCS := $(filter-out cli/cli_main.c,$(sort $(wildcard cli/*.c)))
CLI_OBJS := $(CLI_SRCS:%.c=$(BUILD)/obj/%.o)
CLI_LIB := $(BUILD)/libvoiceai-cli.a
CLI_LDLIBS := -lexpat -lflite_cmu_us_rms -lflite_cmu_us_slt \
	-lflite_cmu_us_awb -lflite_cmu_us_kal -lflite_usenglish -lflite_cmulex \
	-lflite

PROGRAMS += $(BUILD)/voiceai-sim
UNIT_LIBS += $(CLI_LIB)
UNIT_LDLIBS += $(CLI_LDLIBS)

$(CLI_LIB): $(CLI_OBJS)
	@rm -f $@
	$(AR) rcs $@ $^

$(BUILD)/obj/cli/cli_main.o: LOCAL_CFLAGS += \
	$(if $(wildcard cli/cli_vad.h),-DCLI_WITH_VAD)

$(BUILD)/voiceai-sim: $(BUILD)/obj/cli/cli_main.o $(CLI_LIB) $(CORE_LIB)
	$(CC) $(CFLAGS) -o $@ $^ $(LDFLAGS_EXTRA) $(CLI_LDLIBS) $(VA_LDLIBS)
