"""How the page looks. Fonts are those of the reader's system: nothing is fetched."""

FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
FIXED_FONTS = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")

CSS = """
:root { --brand: #0b5cab; --brand-dark: #084a8b; }
.gradio-container { max-width: 1320px !important; margin: 0 auto !important; }
main { padding: 0 20px 28px !important; }
footer { display: none !important; }

#top { padding: 22px 2px 8px; }
#top h1 { font-size: 26px; font-weight: 680; letter-spacing: -0.02em; margin: 0;
          line-height: 1.2; }
#top p { margin: 4px 0 0; color: var(--body-text-color-subdued); font-size: 15px; }

#ask, #answer { background: var(--block-background-fill);
  border: 1px solid var(--border-color-primary); border-radius: 14px; padding: 16px;
  gap: 14px; box-shadow: 0 1px 2px rgb(0 0 0 / 4%); align-self: flex-start; }
#ask .block, #answer .block { box-shadow: none; }
#find { font-weight: 620; min-height: 46px; }
#picture { min-height: 260px; }
#picture img { object-fit: contain; }
#model input, #compare input { text-overflow: ellipsis; padding-right: 18px; }
#hint { color: var(--body-text-color-subdued); font-size: 13px; padding: 0 2px; }

#or { color: var(--body-text-color-subdued); font-size: 13px; padding: 2px 2px 0; }
#examples, #examples .grid-wrap, #examples .gallery-container { padding: 0 !important;
  overflow: hidden !important; width: 100%; }
#examples .grid-container { gap: 8px; padding: 2px; width: 100%; box-sizing: border-box;
  grid-template-columns: repeat(4, minmax(0, 1fr)) !important; }
#examples button.thumbnail-item { border-radius: 9px; aspect-ratio: 1; }
#examples .caption-label { display: none; }

#controls { gap: 18px; align-items: flex-end; }
#controls .block { padding: 4px !important; }
#view .wrap { flex-wrap: nowrap; gap: 6px; }
#view .wrap label { padding: 6px 12px; white-space: nowrap; position: relative; }
#view .wrap label input { position: absolute; opacity: 0; inset: 0; margin: 0;
  width: 100%; height: 100%; }
#view .wrap label span { margin: 0; }
#view .wrap label:focus-within { outline: 2px solid var(--brand); outline-offset: 1px; }
#view .wrap label.selected { background: var(--brand); border-color: var(--brand);
  color: #fff; }
#view .wrap label.selected span { color: #fff; }
#answer .wrap > .error, #answer .clear-status { display: none; }
#controls .form { border: 0; box-shadow: none; background: none; }
#empty { display: grid; place-items: center; text-align: center; min-height: 420px;
  border: 2px dashed var(--border-color-primary); border-radius: 12px;
  color: var(--body-text-color-subdued); padding: 24px; }
#empty strong { display: block; color: var(--body-text-color); font-size: 18px;
  font-weight: 620; margin-bottom: 6px; }
#results { gap: 18px; align-items: flex-start; }
.result { gap: 10px; min-width: min(100%, 300px) !important; }
.result img { border-radius: 8px; }
/* The choice of heat maps is there while heat maps, the second of the views, are. */
#answer:not(:has(#view label:nth-of-type(2).selected)) .maps { display: none; }
.maps { gap: 6px; }
.maps input { text-overflow: ellipsis; padding-right: 18px; }
[id^="item-"]:not(:has(input)) { display: none !important; }
.maps .row { gap: 8px; } .maps .form { border: 0; gap: 8px; background: none; }
.maps .block { padding: 4px !important; border: 0; }
.maps .wrap label { padding: 4px 11px; position: relative; border-radius: 7px; }
.maps .wrap label input { position: absolute; opacity: 0; inset: 0; margin: 0; }
.maps .wrap label span { margin: 0; }
.maps .wrap label:focus-within { outline: 2px solid var(--brand); }
.maps .wrap label.selected { background: var(--brand); border-color: var(--brand); }
.maps .wrap label.selected span { color: #fff; }

.legend h3 { margin: 0 0 6px; font-size: 13px; font-weight: 600;
  color: var(--body-text-color-subdued); }
.legend ol { list-style: none; margin: 0; padding: 0; display: grid; gap: 6px; }
.legend li { display: flex; flex-wrap: wrap; gap: 2px 10px;
  align-items: center; margin: 0; padding: 7px 10px; border-radius: 9px;
  background: var(--background-fill-secondary); }
.legend .key { width: 24px; height: 24px; border-radius: 50%; background: #fff;
  color: #111; border: 4px solid var(--c); display: grid; place-items: center;
  font-size: 11px; font-weight: 700; }
.legend .words { overflow-wrap: anywhere; font-weight: 520; flex: 1 1 11em; }
.legend .note { color: var(--body-text-color-subdued); font-size: 13px;
  padding-left: 34px; white-space: nowrap; font-variant-numeric: tabular-nums; }
.legend .scale { display: flex; align-items: center; gap: 8px; font-size: 12px;
  margin: 0 0 8px; color: var(--body-text-color-subdued); flex-wrap: wrap; }
.legend .scale i { width: 130px; height: 10px; border-radius: 5px; background:
  linear-gradient(90deg, #000004, #57106e, #bc3754, #f98e09, #fcffa4); }
.legend .scale em { font-style: normal; }
@media (max-width: 640px) {
  main { padding: 0 8px 20px !important; }
  #ask, #answer { min-width: 0 !important; }
  #ask, #answer { padding: 12px; border-radius: 12px; }
  #top h1 { font-size: 22px; }
  #empty { min-height: 180px; }
}
"""
