# ggeffects asks insight for predictions of a model whose class it does not know, and does not hand
# on the level and the type that the user asked for; they stand in its own functions that are
# running. Without them its limits would be those of another level.

asked_by_ggeffects <- function() {
  if (!isNamespaceLoaded("ggeffects")) return(NULL)
  package <- asNamespace("ggeffects")
  for (frame in rev(sys.frames())) {
    has <- function(name) exists(name, frame, inherits = FALSE)
    level <- Filter(has, c("ci.lvl", "ci_level"))
    if (identical(topenv(frame), package) && length(level) && has("type") && has("terms")) {
      return(list(level = get(level[1L], frame), type = get("type", frame),
        terms = sub("\\s*\\[.*", "", get("terms", frame))))
    }
  }
}

# Type "fe" (or "fixed") is the mean of the population; "re" (or "random") a new observation, of the
# levels that the user named, otherwise of a new level, and not of that which stands in the grid.
predicted_for_ggeffects <- function(x, data, asked) {
  level <- if (length(asked$level) && !is.na(asked$level)) asked$level
  if (asked$type %in% c("fe", "fixed")) {
    return(predicted_with_attributes(x, data, NA, "confidence", level, "expectation"))
  }
  if (!asked$type %in% c("re", "random")) {
    stop_rlmm("bad_argument", paste0("ggpredict() of type '", asked$type, "' is not available; ",
      "types are 'fixed' and 'random'"), column = "type")
  }
  fixed <- all.vars(fixed_formula(x$formula))
  for (group in setdiff(grouping_variables(x), c(asked$terms, fixed))) data[[group]] <- NA
  predicted_with_attributes(x, data, NULL, "prediction", level, "prediction")
}
