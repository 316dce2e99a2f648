"""CEFNet as released, by the names of its weights: shapes, and one sentence of one
picture computed from them, with torch's own operations and without batches."""

import torch
from torch import nn
from torch.nn import functional

STAGES = {"scale2.1": 1, "scale3": 2, "scale4": 2, "scale5": 1}  # strides
WIDTHS = {1: 32, 2: 64, 3: 128, 4: 256, 5: 512}  # of the decoder, paper's


def block(name, inner, outer, kernel=3):
    return {
        f"{name}.conv.weight": (outer, inner, kernel, kernel),
        **norm(f"{name}.bn", outer),
        f"{name}.relu.weight": (1,),
    }


def norm(name, channels):
    parts = ("weight", "bias", "running_mean", "running_var")
    return {
        **{f"{name}.{part}": (channels,) for part in parts},
        f"{name}.num_batches_tracked": (),
    }


def layer(name, *shape, bias=True):
    return {f"{name}.weight": shape, **({f"{name}.bias": shape[:1]} if bias else {})}


def basic_block(name, inner, outer, stride):
    found = {
        **layer(f"{name}.conv1", outer, inner, 3, 3, bias=False),
        **norm(f"{name}.bn1", outer),
        **layer(f"{name}.conv2", outer, outer, 3, 3, bias=False),
        **norm(f"{name}.bn2", outer),
    }
    if stride != 1 or inner != outer:
        found |= layer(f"{name}.downsample.0", outer, inner, 1, 1, bias=False)
        found |= norm(f"{name}.downsample.1", outer)
    return found


def published_shapes(*, asymmetric, stem, levels, width, key, words, widths=WIDTHS):
    """Shapes by name.

    ``levels`` are the channels of the backbone's stages, here of two basic blocks each,
    ``width`` is the release's 512 and ``key`` its 256.
    """
    shapes = {**norm("img_bn", 3), **layer("scale1.0", stem, 3, 7, 7, bias=False)}
    shapes |= norm("scale1.1", stem)
    inner = stem
    for (name, stride), outer in zip(STAGES.items(), levels, strict=True):
        shapes |= basic_block(f"{name}.0", inner, outer, stride)
        shapes |= basic_block(f"{name}.1", outer, outer, 1)
        inner = outer
    for level, channels in zip((3, 4, 5), levels[1:], strict=True):
        shapes |= block(f"lang_c{level}_1", channels, width)
        shapes |= block(f"lang_c{level}_2", 2 * width + 8, width)
        shapes |= block(f"lang_c{level}_3", 2 * width, channels)
        shapes |= layer(f"wordvisual{level}.visual", width, width, 1, 1)
        shapes |= layer(f"c{level}_lang.0", width, width)
        shapes |= norm(f"c{level}_lang.1", width)
        attention = f"attention{level}"
        for stream in ("img", "lang") if asymmetric else ():
            for part in ("key", "query"):
                shapes |= layer(f"{attention}.f_{part}_{stream}.0", key, width, 1, 1)
                shapes |= norm(f"{attention}.f_{part}_{stream}.1", key)
            shapes |= layer(f"{attention}.f_value_{stream}", key, width, 1, 1)
            shapes |= layer(f"{attention}.W_{stream}", width, key, 1, 1)
        for part in ("linear_e", "linear_q") if not asymmetric else ():
            shapes |= layer(f"{attention}.{part}", key, width, 1, 1, bias=False)
        for part in ("conv1", "conv2") if not asymmetric else ():
            shapes |= layer(f"{attention}.{part}", width, width, 3, 3, bias=False)
    for level, channels in zip(range(1, 6), (stem, *levels), strict=True):
        shapes |= block(f"reduced_c{level}", channels, widths[level])
    shapes |= decoder_shapes(widths)
    gates = {"ih": width, "hh": width}
    for end in ("", "_reverse"):
        for part, inputs in gates.items():
            shapes[f"textmodel.rnn.weight_{part}_l0{end}"] = (3 * width, inputs)
            shapes[f"textmodel.rnn.bias_{part}_l0{end}"] = (3 * width,)
    shapes |= layer("textmodel.embedding", words, width, bias=False)
    shapes |= layer("textmodel.mlp.0", width, width)
    shapes |= layer("mapping_lang.0", width, width) | norm("mapping_lang.1", width)
    shapes |= layer("mapping_hT.0", width, 2 * width) | norm("mapping_hT.1", width)
    return shapes


def decoder_shapes(widths):
    shapes = block("output5", widths[5], widths[4])
    for level in (5, 4, 3, 2):
        c, below = widths[level - 1], widths[max(level - 2, 1)]
        name = f"squeeze_body_edge{level}"
        for number in (0, 3):
            shapes |= layer(f"{name}.down.{number}", c, 1, 3, 3)
            shapes |= norm(f"{name}.down.{number + 1}", c)
        shapes |= layer(f"{name}.flow_make", c, 2 * c, 3, 3, bias=False)
        shapes |= layer(f"{name}.fc_loc.0", 32, c) | layer(f"{name}.fc_loc.2", 6, 32)
        shapes |= layer(f"edge_fusion{level}", c, 2 * c, 1, 1, bias=False)
        output = f"output{level - 1}" + (".0" if level == 2 else "")
        shapes |= block(output, 2 * c, below)
        for head in ("edge_out", "dsn_seg_body"):
            shapes |= block(f"{head}{level - 1}.0", c, below)
            shapes |= layer(f"{head}{level - 1}.1", 1, below, 1, 1, bias=False)
        if level > 2:
            inner, outer = below, widths[max(level - 3, 1)]
            shapes |= block(f"final_seg{level - 1}.0", inner, outer)
            shapes |= layer(f"final_seg{level - 1}.1", 1, outer, 1, 1, bias=False)
    return shapes | layer("output1.1", 1, widths[1], 3, 3)


class Released:
    """The network, of weights by name."""

    def __init__(self, weights, *, asymmetric):
        self.weights = {
            name: value.double() if value.is_floating_point() else value
            for name, value in weights.items()
        }
        self.asymmetric = asymmetric

    def __call__(self, picture, words):
        """Logits of one picture ``(3, H, W)``, blue first, and ids of words."""
        sentence, tokens = self.text(words)
        maps = self.norm("img_bn", picture.double()[None])
        maps = self.norm("scale1.1", self.conv("scale1.0", maps, stride=2, padding=3))
        taken = [torch.relu(maps)]
        maps = functional.max_pool2d(taken[0], 3, stride=2, padding=1)
        for level, (name, stride) in enumerate(STAGES.items(), start=2):
            maps = self.basic(f"{name}.0", maps, stride)
            maps = self.basic(f"{name}.1", maps, 1)
            if level > 2:
                maps = self.fuse(level, maps, sentence, tokens[level])
            taken.append(maps)
        return self.decode(taken)[0, 0]

    def text(self, words):
        embedded = self.weights["textmodel.embedding.weight"][torch.tensor(words)]
        embedded = torch.relu(self.linear("textmodel.mlp.0", embedded))
        width = embedded.shape[1]
        gru = nn.GRU(width, width, bidirectional=True).double()
        start = "textmodel.rnn."
        gru.load_state_dict(
            {n.removeprefix(start): v for n, v in self.weights.items() if start in n}
        )
        last = gru(embedded)[0][-1:]
        last = torch.relu(self.norm("mapping_hT.1", self.linear("mapping_hT.0", last)))
        every = self.linear("mapping_lang.0", embedded)
        every = torch.relu(self.norm("mapping_lang.1", every))
        tokens = {}
        for level in (3, 4, 5):
            own = self.linear(f"c{level}_lang.0", every)
            own = torch.relu(self.norm(f"c{level}_lang.1", own))
            tokens[level] = functional.normalize(own, dim=1)
        return functional.normalize(last, dim=1), tokens

    def fuse(self, level, maps, sentence, tokens):
        height, width = maps.shape[-2:]
        seen = functional.normalize(self.block(f"lang_c{level}_1", maps))
        tiled = sentence[:, :, None, None].expand(-1, -1, height, width)
        joint = torch.cat([seen, tiled, self.coordinates(height, width)], dim=1)
        joint = functional.normalize(self.block(f"lang_c{level}_2", joint))
        asked = self.conv(f"wordvisual{level}.visual", joint)
        shares = torch.einsum("tc,ncyx->ntyx", tokens, asked).softmax(dim=1)
        language = torch.einsum("ntyx,tc->ncyx", shares, tokens)
        attend = self.asymmetric_attention if self.asymmetric else self.vanilla
        both = functional.normalize(attend(f"attention{level}", joint, language))
        fused = self.block(f"lang_c{level}_3", both)
        return functional.normalize(maps) + functional.normalize(fused)

    @staticmethod
    def coordinates(height, width):
        """Rows before columns, and rows divided by the width."""
        maps = torch.zeros(1, 8, height, width, dtype=torch.float64)
        for row in range(height):
            for column in range(width):
                x, y = row / width, column / height
                right, below = (row + 1) / width, (column + 1) / height
                corners = [x, y, right, below, (x + right) / 2, (y + below) / 2]
                maps[0, :6, row, column] = torch.tensor([2 * v - 1 for v in corners])
        maps[0, 6], maps[0, 7] = 1 / height, 1 / width
        return maps

    def asymmetric_attention(self, name, joint, language):
        scores, values = 0.0, []
        for stream, maps in (("img", joint), ("lang", language)):
            keys, queries = (
                torch.relu(
                    self.norm(
                        f"{name}.f_{part}_{stream}.1",
                        self.conv(f"{name}.f_{part}_{stream}.0", maps),
                    )
                )
                for part in ("key", "query")
            )
            keys = self.pyramid(keys)[0]
            scores = scores + queries.flatten(2)[0].T @ keys / keys.shape[0] ** 0.5
            values.append(self.pyramid(self.conv(f"{name}.f_value_{stream}", maps))[0])
        shares = scores.softmax(dim=1)  # (P, S)
        gathered = [
            self.conv(f"{name}.W_{stream}", (value @ shares.T).view(1, -1, *size))
            for stream, value, size in zip(
                ("img", "lang"), values, [joint.shape[-2:]] * 2, strict=True
            )
        ]
        return torch.cat(gathered[::-1], dim=1)

    def vanilla(self, name, joint, language):
        """With the paper's softmax: the release's axis is not built here."""
        left = self.conv(f"{name}.linear_e", joint).flatten(2)[0]
        right = self.conv(f"{name}.linear_q", language).flatten(2)[0]
        affinity = left.T @ right
        seen = joint.flatten(2)[0] @ affinity.softmax(dim=1).T
        said = language.flatten(2)[0] @ affinity.T.softmax(dim=1).T
        seen, said = seen.view_as(joint), said.view_as(language)
        parts = [self.conv(f"{name}.conv2", seen, padding=1)]
        parts.append(self.conv(f"{name}.conv1", said, padding=1))
        return torch.cat(parts, dim=1)

    @staticmethod
    def pyramid(maps):
        cells = [
            functional.adaptive_avg_pool2d(maps, n).flatten(2) for n in (1, 3, 6, 8)
        ]
        return torch.cat(cells, dim=2)

    def decode(self, taken):
        laterals = {
            n + 1: self.block(f"reduced_c{n + 1}", m) for n, m in enumerate(taken)
        }
        features = self.block("output5", laterals[5])
        for level in (5, 4, 3, 2):
            below = laterals[level - 1]
            body = self.transformed(f"squeeze_body_edge{level}", features)
            edge = torch.cat([self.resized(features - body, below), below], dim=1)
            edge = self.conv(f"edge_fusion{level}", edge)
            changed = edge + self.resized(body, edge)
            joint = torch.cat([self.resized(features, edge), changed], dim=1)
            name = f"output{level - 1}" + (".0" if level == 2 else "")
            features = self.block(name, joint)
        return self.conv("output1.1", features, padding=1)

    def transformed(self, name, features):
        context = features
        for number in (0, 3):
            context = self.conv(
                f"{name}.down.{number}",
                context,
                stride=2,
                padding=1,
                groups=features.shape[1],
            )
            context = torch.relu(self.norm(f"{name}.down.{number + 1}", context))
        context = self.resized(context, features)
        mixed = torch.cat([features, context], dim=1)
        pooled = self.conv(f"{name}.flow_make", mixed, padding=1).mean(dim=(2, 3))
        theta = self.linear(f"{name}.fc_loc.0", pooled)
        theta = self.linear(f"{name}.fc_loc.2", torch.relu(theta)).view(-1, 2, 3)
        grid = functional.affine_grid(theta, features.shape, align_corners=False)
        return functional.grid_sample(features, grid, align_corners=False)

    @staticmethod
    def resized(maps, like):
        size = like.shape[-2:]
        return functional.interpolate(maps, size, mode="bilinear", align_corners=False)

    def basic(self, name, maps, stride):
        inner = self.conv(f"{name}.conv1", maps, stride=stride, padding=1)
        inner = torch.relu(self.norm(f"{name}.bn1", inner))
        inner = self.norm(f"{name}.bn2", self.conv(f"{name}.conv2", inner, padding=1))
        if f"{name}.downsample.0.weight" in self.weights:
            maps = self.conv(f"{name}.downsample.0", maps, stride=stride)
            maps = self.norm(f"{name}.downsample.1", maps)
        return torch.relu(inner + maps)

    def block(self, name, maps):
        maps = self.norm(f"{name}.bn", self.conv(f"{name}.conv", maps, padding=1))
        return functional.prelu(maps, self.weights[f"{name}.relu.weight"])

    def conv(self, name, maps, **options):
        bias = self.weights.get(f"{name}.bias")
        return functional.conv2d(maps, self.weights[f"{name}.weight"], bias, **options)

    def linear(self, name, rows):
        return functional.linear(
            rows, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]
        )

    def norm(self, name, maps):
        weight, bias, mean, variance = (
            self.weights[f"{name}.{part}"]
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        return functional.batch_norm(maps, mean, variance, weight, bias)
