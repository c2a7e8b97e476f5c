"""What the admin lets people edit of a run: its name, tags and note, as the pages do."""

from __future__ import annotations

from typing import Any

from django import forms

from runs_app.forecasting.errors import ConfigInvalid
from runs_app.models import MAX_NOTE, TrainingRun
from runs_app.services.labels import RunEdit, read_edit

FIELD_OF = {"tags": "tag_words"}
"""The form's names for keys of an edit; the column ``tags`` is how tags are stored, not shown."""


class LabelForm(forms.ModelForm):  # type: ignore[type-arg]  # no subscripts at run time
    """Name, tags and note; everything else is the product's."""

    tag_words = forms.CharField(
        label="Tags", required=False, max_length=330, help_text="Parted by commas or spaces."
    )
    note = forms.CharField(
        required=False, max_length=MAX_NOTE, widget=forms.Textarea(attrs={"rows": 3})
    )

    class Meta:
        model = TrainingRun
        fields = ("name", "note")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("tag_words", ", ".join(self.instance.tag_list))

    @property
    def edit(self) -> RunEdit:
        """What was asked for, once the form is valid."""
        given = {key: self.cleaned_data[FIELD_OF.get(key, key)] for key in ("name", "tags", "note")}
        return read_edit(given)

    def clean(self) -> dict[str, Any] | None:
        """The rules of names, tags and notes are those of every other door."""
        if not self.errors:
            try:
                _ = self.edit
            except ConfigInvalid as invalid:
                for error in invalid.errors:
                    name = FIELD_OF.get(error.path, error.path)
                    self.add_error(name, f"{self.fields[name].label or name} {error.message}.")
        return super().clean()
