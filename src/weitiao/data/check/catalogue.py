"""All kinds of findings: why each matters, and the one-line fix."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """One kind of finding.

    Attributes:
        why: Why it matters.
        fix: What to do.
    """

    why: str
    fix: str


CATALOGUE: dict[str, Entry] = {
    "duplicate": Entry(
        "Repeated rows count more than others, and can fall into train and test.",
        "data.fix.duplicates: drop",
    ),
    "duplicate_value": Entry(
        "The same question stands there several times: it counts more, and its answers may differ.",
        "data.fix.duplicates: drop (identical prompt and answer), else look at the rows",
    ),
    "near_duplicate": Entry(
        "Prompts that differ in politeness or punctuation only are one question; a split does not see that.",
        "delete all but one, or keep them in one part: data.split.near: 0.7",
    ),
    "repeated_id": Entry(
        "An id that stands for two rows cannot be joined with predictions or labels.",
        "give each row an id of its own",
    ),
    "repeated_item": Entry(
        "The same entry twice in a list weighs double or is padding.",
        "delete the repeated entries",
    ),
    "doubled_text": Entry(
        "The field holds its content twice over: tokens are spent for nothing.",
        "cut the second half of the field",
    ),
    "contradiction": Entry(
        "The same prompt is taught two answers: the loss cannot go down there, and the model learns to guess.",
        "data.fix.contradictions: majority (of equals the first), or mend the rows",
    ),
    "near_contradiction": Entry(
        "Nearly the same prompt is taught different answers.",
        "mend the rows so that they agree",
    ),
    "template_contradiction": Entry(
        "With names, years and numbers taken out, prompts of one template have different answers: the labelling "
        "is inconsistent.",
        "mend the minority rows",
    ),
    "value_contradiction": Entry(
        "Rows that agree in this column differ in their answer.",
        "mend the rows so that they agree",
    ),
    "scheme_disagreement": Entry(
        "Two label schemes nearly always agree; where they do not, one of the two labels is wrong.",
        "look at these questions in both columns and correct the wrong label",
    ),
    "label_typo": Entry(
        "A label with a stray or a wrong character is a class of its own, with a single row.",
        "data.fix.labels: strip",
    ),
    "rare_label": Entry(
        "A class with one or two rows cannot be learnt or measured; often it is a mistake.",
        "correct the label, add rows, or delete it",
    ),
    "header_row": Entry(
        "A header line became data: it teaches the names of the columns.",
        "delete the row",
    ),
    "separators": Entry(
        "Lists separated in several ways teach the model to mix them; exact scores suffer.",
        "data.fix.separators: majority",
    ),
    "endings": Entry(
        "Some texts end with a mark that the others do not have: exact scores suffer.",
        "data.fix.endings: strip",
    ),
    "error_target": Entry(
        "The target is an error message of the tool that made it, or of a spreadsheet: the model learns to say it.",
        "data.fix.error_targets: drop",
    ),
    "refusal": Entry(
        "The target begins with a refusal: right where nothing can be said, else its writer gave up.",
        "look at them; delete those that give up on a question that has an answer",
    ),
    "no_data": Entry(
        "Wanted where the question cannot be answered, else the writer's data were missing; the model learns to say "
        "it just as often.",
        "look at them; data.fix.no_data: drop if they are not wanted",
    ),
    "number_formats": Entry(
        "One value is written in several ways: the model mixes them, and exact scores suffer.",
        "write units and decimals in one way, in a template over the value",
    ),
    "empty": Entry(
        "An empty field gives the model nothing to read or to learn.",
        "fill it, or data.on_empty: drop",
    ),
    "field_mismatch": Entry(
        "Two columns that should hold the same text do not: one of them was changed without the other.",
        "write the prompt as a template over the column, so that there is one truth",
    ),
    "prompt_variants": Entry(
        "The fixed part of the prompt is written in several ways: less of it is shared, and inference uses one.",
        "write the prompt as a template in the recipe, so that all rows have the same one",
    ),
    "row_shapes": Entry(
        "Rows do not have the same columns.",
        "fill the missing columns, or keep two files with a mapping each",
    ),
    "reading": Entry(
        "A sheet that is left out, a hidden row or a merged cell may not be what you think it is.",
        "set sheet, header, merged or delimiter of the source if it is not as you mean it",
    ),
    "json_in_string": Entry(
        "The column holds JSON as text inside JSON: quotes are escaped twice, and tools see a string.",
        "set data.shape if it is a dialogue, or parse the column once and store objects",
    ),
    "broken_json": Entry(
        "Other rows of this column are JSON, this one does not parse: it teaches broken output.",
        "mend the row",
    ),
    "slot_types": Entry(
        "A slot is a number in some rows and a text or list in others: the model mixes the types.",
        "write each slot in one type",
    ),
    "slot_coverage": Entry(
        "Slots with few cases are hardly learnt.",
        "add rows with these slots",
    ),
    "vocabulary": Entry(
        "The value is not in the declared vocabulary: a function that looks it up finds nothing.",
        "map the value to the vocabulary, or declare it",
    ),
    "call_without_result": Entry(
        "The dialogue ends on a call: the model never sees what a result looks like in use.",
        "add the result and the reply, or cut the call",
    ),
    "call_not_followed": Entry(
        "A call is followed by something else than a result: the model learns to ignore calls.",
        "insert the result",
    ),
    "empty_result": Entry(
        "The call found nothing; the reply must say so.",
        "see that the replies say that nothing was found",
    ),
    "empty_call": Entry(
        "A call without arguments finds everything or nothing.",
        "write the arguments",
    ),
    "ungrounded_reply": Entry(
        "The reply names nothing of what the call found: the model learns to invent.",
        "mend the reply",
    ),
    "copied_part": Entry(
        "A part is a copy of another: scores on it are training scores.",
        "leave the file out and split with data.split",
    ),
    "leak": Entry(
        "The same question, whatever stands around it, is in two parts: scores there are not fair.",
        "data.split.group: the column of the question, or data.split.near: 0.8; of parts given as files "
        "data.fix.leaks: drop",
    ),
    "near_leak": Entry(
        "Nearly the same prompt stands in two parts: scores there are too good.",
        "data.split.near: 0.8, or data.split.group (with data.split.mask), so that variants stay together",
    ),
    "user_side_leak": Entry(
        "A dialogue with the same user side stands in two parts.",
        "delete it from one of them",
    ),
    "few_shot_leak": Entry(
        "An example written into the prompt is a case of the test: its answer is given away.",
        "use other examples in the prompt",
    ),
    "give_away": Entry(
        "A single feature nearly decides the label: a model learns it instead of the task.",
        "leave the column out of the prompt, or make the feature equal in all classes",
    ),
    "class_balance": Entry(
        "Classes differ much in size: rare ones are learnt worse and hardly show in the accuracy.",
        "add rows to the small classes, and look at scores per class",
    ),
    "lengths": Entry(
        "How long prompts and answers are decides memory, time and what is cut.",
        "set data.max_length to what the data needs",
    ),
    "too_long": Entry(
        "These samples do not fit: the run stops, or their prompts are cut.",
        "raise data.max_length, or set data.truncate: left or right",
    ),
    "ungrounded_number": Entry(
        "The answer has a number that the prompt does not have: it teaches to invent numbers.",
        "mend the answer, or put what it needs into the prompt",
    ),
    "ungrounded_name": Entry(
        "The answer has a name or date that the prompt does not have: it teaches to invent them, or is misspelt.",
        "mend the answer, or put what it needs into the prompt",
    ),
    "ungrounded_text": Entry(
        "Answers with words that the prompt does not have cannot be copied from it.",
        "know it: this part of the task is writing, not extraction",
    ),
    "language": Entry(
        "Rows in another language than the rest are often strays.",
        "look at them; delete what does not belong",
    ),
    "personal_data": Entry(
        "Phone numbers, identity numbers and addresses are learnt by heart and may come out again.",
        "data.fix.personal: mask",
    ),
    "misread": Entry(
        "Characters were read in a wrong encoding somewhere on their way: they are taught as if they were text.",
        "data.fix.encoding: repair; where the whole file is so, set encoding of its source",
    ),
    "encoding": Entry(
        "Characters were lost on their way: what is left is taught as if it were text.",
        "take the rows from the source again, in its true encoding, or delete them",
    ),
    "invisible": Entry(
        "Texts that look alike differ for the model, and for every comparison.",
        "data.fix.encoding: repair",
    ),
    "escapes": Entry(
        "Escapes such as \\u4f60 or %E4%BD are taught as if they were text.",
        "decode the column once (json.loads, urllib.parse.unquote)",
    ),
    "markup": Entry(
        "Tags and entities of web pages are taught as if they were text.",
        "data.fix.markup: strip",
    ),
    "spacing": Entry(
        "Doubled spaces inside sentences come from scanning; they cost tokens and change the tokens of words.",
        "data.fix.spacing: collapse",
    ),
    "prompt_sharing": Entry(
        "What prompts have in common at their beginning is computed once; what stands behind the variable field is "
        "computed for every row, in training and in serving.",
        "put the prompt of the recipe in this order",
    ),
    "sql_other": Entry(
        "Among queries it teaches to change the database, or to answer in other words than SQL.",
        "delete the row, or write the query",
    ),
    "sql_syntax": Entry("The target does not parse as SQL.", "mend the statement"),
    "sql_schema": Entry(
        "The statement names a table or column that the database does not have.", "mend the statement"
    ),
    "sql_error": Entry("The statement fails on the database.", "mend the statement"),
    "sql_empty": Entry(
        "The statement runs and returns nothing or NULL: often a wrong name or year.",
        "compare the values in the statement with those in the database",
    ),
    "option_count": Entry(
        "Questions have different numbers of options: scores by chance differ.",
        "know it, or report scores per number of options",
    ),
    "option_repeated": Entry("The same option stands there twice.", "mend the question"),
    "option_answer": Entry("The answer is none of the options.", "mend the answer"),
    "option_marks": Entry(
        "Option marks do not follow each other as they do elsewhere: a mark is damaged, and questions cannot be cut "
        "apart.",
        "mend the marks",
    ),
    "tag_sequence": Entry(
        "A tag continues an entity that was never begun: scorers count it differently.",
        "begin each entity with B (or S)",
    ),
    "overlapping_spans": Entry(
        "Two entities overlap: a tag per character cannot express that.", "delete one of the two"
    ),
    "span_text": Entry("The characters at a span are not the entity.", "mend the offsets"),
    "no_entity": Entry(
        "Sentences without an entity are needed, but many of them teach to answer nothing.",
        "know it, and watch precision and recall apart",
    ),
    "unreadable": Entry("The row cannot be made into an example.", "mend the row"),
}
