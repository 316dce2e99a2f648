"""Scores of masks written down pixel by pixel, sharing nothing with mmris."""


def count(predicted, truth):
    """Pixels of both, of the predicted and of the true mask: lists of rows."""
    both = first = second = 0
    for row_predicted, row_truth in zip(predicted, truth):
        for a, b in zip(row_predicted, row_truth):
            both += 1 if a and b else 0
            first += 1 if a else 0
            second += 1 if b else 0
    return both, first, second


def scores(pairs):
    """All scores of a list of pairs of masks, in percent."""
    ious, total_both, total_union = [], 0, 0
    named_nothing = said_nothing = named_something = said_something = 0
    for predicted, truth in pairs:
        both, first, second = count(predicted, truth)
        union = first + second - both
        total_both += both
        total_union += union
        ious.append(both / union if union else 1.0)
        if second == 0:
            named_nothing += 1
            said_nothing += 1 if first == 0 else 0
        else:
            named_something += 1
            said_something += 1 if first > 0 else 0
    result = {
        "oIoU": 100 * total_both / total_union if total_union else 100.0,
        "mIoU": 100 * sum(ious) / len(ious),
        "gIoU": 100 * sum(ious) / len(ious),
        "cIoU": 100 * total_both / total_union if total_union else 100.0,
    }
    for percent in (50, 60, 70, 80, 90):
        reached = 0
        for value in ious:
            if value >= percent / 100:
                reached += 1
        result[f"Prec@{percent / 100}"] = 100 * reached / len(ious)
    if named_nothing:
        result["N-acc"] = 100 * said_nothing / named_nothing
    if named_something:
        result["T-acc"] = 100 * said_something / named_something
    return result


def boundary(mask, width):
    """Pixels of a mask with a pixel outside it within a square around them."""
    rows, columns = len(mask), len(mask[0])
    band = [[False] * columns for _ in range(rows)]
    for i in range(rows):
        for j in range(columns):
            if not mask[i][j]:
                continue
            for y in range(i - width, i + width + 1):
                for x in range(j - width, j + width + 1):
                    outside = not (0 <= y < rows and 0 <= x < columns)
                    if outside or not mask[y][x]:
                        band[i][j] = True
    return band
