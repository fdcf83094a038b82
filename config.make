# Rules for nginx's Makefile, read by its configure after config: the pages of
# src/web are written into a header whenever one of them has changed.

cat << END                                                >> $NGX_MAKEFILE

$NGX_OBJS/addon/ngx_http_voiceai_module/ngx_http_voiceai_web.o:	$NGX_OBJS/voiceai_assets.h

$NGX_OBJS/voiceai_assets.h:	$ngx_addon_dir/src/web/embed.sh $VOICEAI_WEB
	sh $ngx_addon_dir/src/web/embed.sh $NGX_OBJS/voiceai_assets.h $VOICEAI_WEB

END
