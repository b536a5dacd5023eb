skip_if_not_installed("emmeans")

numbers <- function(grid) as.data.frame(summary(grid))

test_that("marginal means are those of lmer's fit, with each kind of df", {
  skip_if_not_installed("pbkrtest")
  skip_if_not_installed("lmerTest")
  expect_as_lmer(emmeans::emmeans(x, ~1), unweighted, numbers)
  expect_as_lmer(emmeans::emmeans(x, f), setdiff(with_factor, "weighted"), numbers)
  expect_as_lmer(emmeans::emmeans(x, f, mode = "satterthwaite"), with_factor, numbers)
  expect_as_lmer(emmeans::emmeans(x, f, lmer.df = "asymptotic"), with_factor, numbers)
  expect_as_lmer(emmeans::emmeans(x, v, at = stats::setNames(list(c(0, 5)), v),
    mode = "satterthwaite"), with_covariate, numbers)
  expect_as_lmer(emmeans::emmeans(x, ~ recipe * temperature), c("cake", "deficient"), numbers)
  expect_as_lmer(emmeans::emmeans(x, "dose", submodel = "minimal", mode = "satterthwaite"),
    "weighted", numbers)
})

test_that("so are the grids", {
  grid <- function(g) list(g@grid, g@linfct, g@bhat, as.matrix(g@V), g@levels)
  expect_as_lmer(emmeans::ref_grid(x, mode = "asymptotic"), full_rank, grid)
  expect_as_lmer(emmeans::emmeans(x, ~1, weights = "proportional", mode = "satterthwaite"),
    full_rank, numbers)
  expect_as_lmer(emmeans::ref_grid(x), "deficient", function(g) list(g@grid, g@linfct, g@levels))
  expect_as_lmer(emmeans::ref_grid(x, cov.reduce = range, mode = "satterthwaite"),
    with_covariate, numbers)
})

test_that("so are contrasts, trends and joint tests", {
  skip_if_not_installed("pbkrtest")
  expect_as_lmer(pairs(emmeans::emmeans(x, f)), setdiff(with_factor, "weighted"), numbers)
  expect_as_lmer(pairs(emmeans::emmeans(x, f, mode = "satterthwaite")), with_factor, numbers)
  expect_as_lmer(emmeans::contrast(emmeans::emmeans(x, f, mode = "satterthwaite"), "eff"),
    with_factor, numbers)
  expect_as_lmer(pairs(emmeans::emmeans(x, "dose", mode = "satterthwaite"), adjust = "holm"),
    "weighted", numbers)
  expect_as_lmer(emmeans::contrast(emmeans::emmeans(x, ~ temperature | recipe), "poly"), "cake",
    numbers)
  expect_as_lmer(emmeans::emtrends(x, f, var = v, mode = "satterthwaite"), with_both, numbers)
  expect_as_lmer(emmeans::emtrends(x, ~1, var = v), setdiff(with_covariate, "weighted"), numbers)
  expect_as_lmer(emmeans::joint_tests(x), setdiff(with_terms, c("weighted", "deficient")),
    as.data.frame)
  expect_as_lmer(emmeans::joint_tests(x, mode = "satterthwaite"), setdiff(with_terms, "deficient"),
    as.data.frame)
  confounded <- function(table) {
    table <- as.data.frame(table)
    table[table$`model term` != "(confounded)", c("df1", "df2", "F.ratio", "p.value")]
  }
  expect_as_lmer(emmeans::joint_tests(x), "deficient", confounded)
})

test_that("what cannot be estimated is not", {
  table <- numbers(emmeans::emmeans(interop_fits("deficient")$ours, ~ temperature | recipe))
  expect_equal(sum(is.na(table$emmean)), 2)
})

test_that("the grid comes from the fit", {
  fit <- local({
    hidden <- method_data()
    knots <- c(3, 6)
    rlmm(log(y) ~ splines::ns(Days, knots = knots) + h + offset(o / 100) + (1 | Subject), hidden,
      subset = z < 2)
  })
  skip_if_not_installed("splines")
  by_hand <- function(Days) {
    new <- data.frame(Days = Days, h = letters[1:6], o = mean(fit$raw$o))
    mean(predict(fit, new, re.form = NA))
  }
  table <- numbers(emmeans::emmeans(fit, "Days", at = list(Days = c(1, 8)), offset = 0,
    mode = "satterthwaite"))
  expect_equal(table$emmean + mean(fit$raw$o) / 100, c(by_hand(1), by_hand(8)))
  back <- numbers(emmeans::emmeans(fit, "h", type = "response", mode = "asymptotic"))
  expect_true("response" %in% names(back))
})

test_that("the method of the degrees of freedom is told", {
  fit <- interop_fits("slope")$ours
  expect_output(print(emmeans::emmeans(fit, ~1)), "kenward-roger")
  ml <- emmeans::emmeans(refitML(fit), ~1)
  expect_output(print(ml), "satterthwaite")
  expect_output(print(ml), "REML")
  mine <- emmeans::emmeans(fit, ~1, vcov. = 4 * vcov(fit))
  expect_equal(numbers(mine)$SE, 2 * numbers(emmeans::emmeans(fit, ~1, mode = "satt"))$SE)
  expect_rlmm_error(emmeans::emmeans(fit, ~1, mode = "exact"), "bad_argument", "mode")
})
