# voiceai-local: the embedded engines as a server.

LOCAL_SRCS := $(sort $(wildcard local/*.c))
LOCAL_OBJS := $(LOCAL_SRCS:%.c=$(BUILD)/obj/%.o)
LOCAL_DATA := $(patsubst local/%,$(BUILD)/share/voiceai-local/%,\
	$(wildcard local/grammar/*.gram) local/phone8k.mllr)

LOCAL_LIBS := $(filter-out -lsphinxad,\
	$(shell $(PKG_CONFIG) --libs pocketsphinx libmicrohttpd)) \
	-lflite_cmu_us_rms -lflite_cmu_us_slt -lflite_cmu_us_awb \
	-lflite_cmu_us_kal -lflite_usenglish -lflite_cmulex -lflite

$(LOCAL_OBJS): LOCAL_CFLAGS := \
	$(shell $(PKG_CONFIG) --cflags pocketsphinx libmicrohttpd)

PROGRAMS += $(BUILD)/voiceai-local

$(BUILD)/voiceai-local: $(LOCAL_OBJS) $(CORE_LIB) | $(LOCAL_DATA)
	$(CC) -o $@ $(LOCAL_OBJS) $(CORE_LIB) $(LDFLAGS_EXTRA) $(LOCAL_LIBS) \
		$(VA_LDLIBS)

$(BUILD)/share/voiceai-local/%: local/%
	@mkdir -p $(@D)
	cp $< $@
