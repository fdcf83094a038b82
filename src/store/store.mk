# The call log's room.  It opens files and databases, which the core does not,
# so it is a library of its own.

STORE_SRCS := $(sort $(wildcard store/*.c))
STORE_OBJS := $(STORE_SRCS:%.c=$(BUILD)/obj/%.o)
STORE_LIB := $(BUILD)/libvoiceai-store.a
STORE_PKGS := sqlite3 libpq

UNIT_LIBS += $(STORE_LIB)
UNIT_LDLIBS += $(shell $(PKG_CONFIG) --libs $(STORE_PKGS))

$(STORE_OBJS): LOCAL_CFLAGS += $(shell $(PKG_CONFIG) --cflags $(STORE_PKGS))

$(STORE_LIB): $(STORE_OBJS)
	@rm -f $@
	$(AR) rcs $@ $^
