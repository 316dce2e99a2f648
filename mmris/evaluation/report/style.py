"""How a report looks: one sheet for wide and narrow screens and for paper."""

from __future__ import annotations

# Of the first and the second run, on white: read as text (contrast above 4.5) and told
# apart by every kind of colour vision.
FIRST_COLOR = "#005a9c"
SECOND_COLOR = "#a34700"
TEXT_COLOR = "#1c2430"
NOTE_COLOR = "#556070"
BACKGROUNDS = ("#ffffff", "#f5f7fa")

STYLE = f"""
:root {{ --first: {FIRST_COLOR}; --second: {SECOND_COLOR}; --text: {TEXT_COLOR};
  --note: {NOTE_COLOR}; --line: #d9dfe7; --page: {BACKGROUNDS[1]}; --card: #ffffff; }}
* {{ box-sizing: border-box; }}
body {{ font: 16px/1.5 system-ui, "Segoe UI", Roboto, sans-serif; color: var(--text);
  background: var(--page); margin: 0; overflow-wrap: break-word; }}
.wrap {{ max-width: 1180px; margin: 0 auto; padding: 0 20px; }}
header {{ background: var(--card); border-bottom: 1px solid var(--line);
  padding: 28px 0 14px; }}
h1 {{ font-size: 28px; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }}
h2 {{ font-size: 21px; margin: 40px 0 12px; }}
h3 {{ font-size: 16px; margin: 0 0 10px; }}
p {{ margin: 6px 0; }}
.note, .axis, figcaption small {{ color: var(--note); font-size: 14px; }}
.first {{ color: var(--first); }} .second {{ color: var(--second); }}
nav {{ margin-top: 14px; display: flex; flex-wrap: wrap; gap: 4px 20px; }}
nav a {{ color: var(--first); text-decoration: none; font-size: 15px; }}
nav a:hover, nav a:focus {{ text-decoration: underline; }}
.panel, .case, .score {{ background: var(--card); border: 1px solid var(--line);
  border-radius: 10px; padding: 16px 18px; }}
.scores {{ display: grid; gap: 14px; margin-bottom: 14px;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 150px), 1fr)); }}
.score b {{ display: block; font-size: 32px; line-height: 1.2; font-weight: 650;
  font-variant-numeric: tabular-nums; }}
.score b small {{ font-size: 18px; font-weight: 500; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }}
th {{ font-weight: 600; text-align: left; }}
.numbers th, .numbers td {{ padding: 6px 12px 6px 0; text-align: right;
  border-bottom: 1px solid var(--line); white-space: nowrap; }}
.numbers th:first-child {{ text-align: left; }}
.numbers tr:last-child > * {{ border-bottom: 0; }}
.stack, .groups {{ display: grid; gap: 14px; align-items: start; }}
.stack > * {{ min-width: 0; }}
.beside, .groups {{
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); }}
.bars th {{ font-weight: 400; width: 36%; padding: 5px 10px 5px 0; line-height: 1.25;
  overflow-wrap: anywhere; font-size: 15px; }}
.bars th small {{ color: var(--note); font-size: 13px; white-space: nowrap; }}
.bars td:last-child {{ width: 51px; text-align: right; font-size: 15px;
  line-height: 20px; }}
.track {{ padding: 4px 0; background: repeating-linear-gradient(to right,
  var(--line) 0 1px, transparent 1px 25%); border-right: 1px solid var(--line); }}
.bar {{ display: block; position: relative; height: 18px; margin: 1px 0; }}
.bar i {{ display: block; height: 100%; border-radius: 0 3px 3px 0;
  background: var(--first); }}
.bar + .bar i {{ background: var(--second); }}
.bar s {{ position: absolute; top: 8px; height: 2px; background: var(--text);
  box-shadow: 0 0 0 1px #ffffffc0; }}
.axis {{ display: flex; justify-content: space-between; margin: 2px 51px 0 36%; }}
.axis span {{ width: 0; display: flex; justify-content: center; }}
.changes td:nth-child(2) {{ width: 44%; }}
.change {{ display: block; position: relative; height: 18px; }}
.change::before {{ content: ""; position: absolute; left: 50%; top: -6px; bottom: -6px;
  border-left: 1px solid var(--note); }}
.change s {{ position: absolute; top: 8px; height: 2px; background: var(--text); }}
.change i {{ position: absolute; top: 4px; width: 10px; height: 10px; margin-left: -5px;
  border-radius: 50%; background: var(--text); }}
.change i.better {{ background: var(--second); }}
.change i.worse {{ background: var(--first); }}
svg {{ width: 100%; max-width: 540px; display: block; font-size: 11px;
  fill: var(--text); }}
svg .grid {{ stroke: var(--line); fill: none; }}
svg .first {{ fill: var(--first); }} svg .second {{ fill: var(--second); }}
.cases {{ display: grid; gap: 14px;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 500px), 1fr)); }}
.case {{ margin: 0; padding: 12px; }}
.pictures {{ display: grid; gap: 8px; grid-template-columns: repeat(3, 1fr);
  align-items: start; }}
.pictures.four {{ grid-template-columns: repeat(4, 1fr); }}
.pictures img {{ width: 100%; height: auto; display: block; border-radius: 4px; }}
.pictures span {{ display: block; font-size: 13px; color: var(--note);
  overflow-wrap: anywhere; line-height: 1.3; margin-top: 3px; }}
.pictures span.first {{ color: var(--first); }}
.pictures span.second {{ color: var(--second); }}
figcaption {{ margin-bottom: 8px; overflow-wrap: anywhere; }}
figcaption q {{ font-weight: 600; display: block; max-height: 7.5em;
  overflow-y: auto; }}
figcaption small {{ display: block; }}
dl {{ display: grid; grid-template-columns: minmax(7em, max-content) 1fr; margin: 0;
  gap: 4px 18px; }}
dt {{ font-weight: 600; }} dd {{ margin: 0; overflow-wrap: anywhere; }}
summary {{ cursor: pointer; color: var(--first); margin-top: 10px; }}
details dl {{ margin-top: 8px; }}
.about h3 + dl {{ margin-bottom: 18px; }}
footer {{ color: var(--note); font-size: 14px; padding: 30px 0 40px; }}
@media (max-width: 600px) {{
  h1 {{ font-size: 23px; }} .wrap {{ padding: 0 12px; }}
  .panel, .score {{ padding: 12px; }}
  .pictures.four {{ grid-template-columns: repeat(2, 1fr); }}
  .changes th:nth-child(2), .changes td:nth-child(2) {{ display: none; }}
  dl {{ grid-template-columns: 1fr; gap: 0; }} dd {{ margin-bottom: 8px; }}
}}
@media print {{
  body, header {{ background: #fff; }} nav {{ display: none; }}
  .panel, .case, .score {{ break-inside: avoid; }}
  .bar i, .change i {{ print-color-adjust: exact; -webkit-print-color-adjust: exact; }}
}}
"""
