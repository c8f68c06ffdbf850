"""Every table there is."""

from heatproof.tables import Table
from heatproof.tables.choices import Choices
from heatproof.tables.comparisons import Comparisons
from heatproof.tables.contents import Contents
from heatproof.tables.diagnoses import Diagnoses
from heatproof.tables.estimates import Estimates
from heatproof.tables.films import Films
from heatproof.tables.headers import Headers
from heatproof.tables.maps_made import MapsMade
from heatproof.tables.pairs import Pairs
from heatproof.tables.predictions import Called, Predictions
from heatproof.tables.scores import Scores
from heatproof.tables.shapes import Shapes
from heatproof.tables.structures import OnStructures
from heatproof.tables.verdicts import Verdicts

TABLES: tuple[type[Table], ...] = (
    Called, Choices, Comparisons, Contents, Diagnoses, Estimates, Films, Headers, MapsMade,
    OnStructures, Pairs, Predictions, Scores, Shapes, Verdicts,
)  # fmt: skip
